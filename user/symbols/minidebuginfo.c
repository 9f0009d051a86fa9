/* SPDX-License-Identifier: BSD-2-Clause */
/* In: an ELF file. Out: the bytes of the ELF file within it. */
#include "symbols/minidebuginfo.h"

#include <errno.h>
#include <lzma.h>

#include "base/fail.h"

#define DECODER_MEMORY (128u << 20) /* xz -9 needs 65 MiB */
#define STEP	       (256u << 10)

/* To the end of the stream, or to the limit. */
static int unpack(lzma_stream *s, struct bytes *out)
{
	for (;;) {
		lzma_ret result;
		int err = bytes_reserve(out, STEP);

		if (err)
			return err;
		s->next_out = out->data + out->len;
		s->avail_out = STEP;
		result = lzma_code(s, LZMA_FINISH);
		out->len += STEP - s->avail_out;
		if (result == LZMA_STREAM_END)
			return 0;
		if (result == LZMA_MEM_ERROR)
			return fail(-ENOMEM, ".gnu_debugdata: no memory");
		if (result == LZMA_MEMLIMIT_ERROR || out->len > MINIDEBUGINFO_MAX)
			return fail(-E2BIG, ".gnu_debugdata: larger than a real one");
		if (result != LZMA_OK)
			return fail(-EBADMSG, ".gnu_debugdata: it is damaged");
	}
}

int minidebuginfo_unpack(const struct elf_file *e, struct bytes *out)
{
	const struct elf_section *s = elf_section_named(e, ".gnu_debugdata");
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t len = 0;
	int err;

	stream.next_in = s ? elf_section_bytes(e, s, &len) : NULL;
	stream.avail_in = len;
	if (!stream.next_in)
		return -ENOENT;
	if (lzma_stream_decoder(&stream, DECODER_MEMORY, 0) != LZMA_OK)
		return fail(-ENOMEM, ".gnu_debugdata: no memory");
	err = unpack(&stream, out);
	lzma_end(&stream);
	return err;
}
