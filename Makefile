# SPDX-License-Identifier: BSD-2-Clause
# conctrace: everything is built out of tree, into build/ or O=DIR.
#
#   make                    the two programs; needs neither root nor set-up, names the packages that are missing
#   make setup              installs what is missing (root; apt), and says so elsewhere
#   sudo make demo          set-up, programs, and a tour: eight small programs traced and compared
#   sudo make check         set-up, programs, all tests; the last line is "N passed, N failed, N skipped"
#   sudo make check-kernels the same last line for kernels 5.15 to the newest, x86-64 and arm64, in emulated guests
#   sudo make bench         what tracing costs, against its peers
#   make install uninstall  prefix=/usr/local DESTDIR=
#   make clean
#
#   O=DIR  V=1 (commands)  SANITIZE=address,undefined  STATIC=1  ARCH=  CC=  CLANG=  CFLAGS=  LDFLAGS=

VERSION := 0.1.0

O ?= build
prefix ?= /usr/local
DESTDIR ?=
SANITIZE ?=
CFLAGS ?= -O2 -g
LDFLAGS ?=
STATIC ?=

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)';)

# ---- tools and libraries ---------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
AR ?= ar
ifndef CLANG
CLANG := $(shell tools/setup --find clang)
endif
ifndef BPFTOOL
BPFTOOL := $(shell tools/setup --find bpftool)
endif
PKG_CONFIG ?= pkg-config

# ARCH: the machine that the build is for; another than this one needs its CC=, AR= and PKG_CONFIG= (tests/vm/build has them).
ARCH ?= $(shell uname -m)
BPF_ARCH := $(if $(filter aarch64,$(ARCH)),arm64,x86)

PACKAGES := libbpf libelf libdw zlib liblzma libseccomp libcap
WORKLOAD_PACKAGES := liburing
package_flags = $(shell $(PKG_CONFIG) $(if $(STATIC),--static) $(1) $(2) 2>/dev/null)
comma := ,
# Its header alone: the library is loaded when it is asked for. DEBUGINFOD= leaves it out.
DEBUGINFOD ?= $(shell $(PKG_CONFIG) --modversion libdebuginfod 2>/dev/null)
FEATURES := $(shell for p in $(PACKAGES); do printf '%s %s, ' "$$p" "$$($(PKG_CONFIG) --modversion $$p 2>/dev/null)"; done | \
	sed 's/, $$//')$(if $(DEBUGINFOD),$(comma) libdebuginfod $(DEBUGINFOD))$(if $(SANITIZE),$(comma) sanitizers)

# ---- flags -----------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
BASE_FLAGS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fstack-protector-strong $(WARNINGS)

USER_FLAGS := $(BASE_FLAGS) -Iinclude -Iuser -I$(O)/gen -DCONCTRACE_VERSION='"$(VERSION)"' \
	-DCONCTRACE_FEATURES='"$(FEATURES)"' $(call package_flags,--cflags,$(PACKAGES) $(WORKLOAD_PACKAGES)) \
	$(if $(DEBUGINFOD),-DCONCTRACE_DEBUGINFOD) -pthread
LIBRARIES := $(call package_flags,--libs,$(PACKAGES)) -liberty -pthread
WORKLOAD_LIBRARIES := $(call package_flags,--libs,$(WORKLOAD_PACKAGES)) -pthread -lrt
LINK_FLAGS := $(if $(STATIC),-static)
# <linux/types.h> needs <asm/types.h>, which Debian keeps in a folder that -target bpf does not look into: one for each machine, and
# another one for the headers that come with a cross compiler.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_FLAGS := -std=gnu11 -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Ibpf -Iinclude \
	$(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH) -idirafter /usr/$(MULTIARCH)/include) \
	-Wall -Wextra -Wno-unused-parameter -Wno-missing-declarations -Werror

# ---- what there is ---------------------------------------------------------------------------------------

BPF_SOURCES := $(sort $(wildcard bpf/*.bpf.c))
BASE_SOURCES := $(sort $(wildcard user/base/*.c))
WORKLOAD_SOURCES := $(sort $(wildcard user/workloads/*.c))
USER_SOURCES := $(sort $(filter-out user/workloads/%,$(wildcard user/*/*.c)))
VALIDATE_SOURCES := $(sort $(wildcard tests/validate/*.c))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
TEST_WORKLOAD_SOURCES := $(sort $(wildcard tests/workloads/*.c))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
MAN_PAGES := $(sort $(wildcard user/man/*.[1-8]))

# maps.o first: the linker of libbpf 1.1 loses the place of a map that is declared before it is defined.
BPF_OBJECTS := $(O)/bpf/maps.o $(filter-out $(O)/bpf/maps.o,$(BPF_SOURCES:bpf/%.bpf.c=$(O)/bpf/%.o))
SKELETON := $(O)/gen/conctrace.skel.h
ARCHIVE := $(O)/conctrace.a
USER_OBJECTS := $(USER_SOURCES:%.c=$(O)/obj/%.o)
WORKLOAD_OBJECTS := $(WORKLOAD_SOURCES:%.c=$(O)/obj/%.o) $(BASE_SOURCES:%.c=$(O)/obj/%.o)
PROGRAMS := $(O)/conctrace $(O)/conctrace-workload
TEST_WORKLOADS := $(TEST_WORKLOAD_SOURCES:tests/workloads/%.c=$(O)/tests/workloads/%)

# Known call chains: optimised as distributions do it, without frame pointers. The Rust one where there is a compiler for it.
CHAINS := tests/workloads/chains
CHAINS_SOURCES := $(sort $(wildcard $(CHAINS)/*.c))
RUSTC := $(shell command -v rustc 2>/dev/null)
CHAIN_PROGRAMS := $(addprefix $(O)/tests/workloads/,chains chains_plugin.so chains_cxx $(if $(RUSTC),chains_rust))
CHAIN_FLAGS := -Wall -Wextra -Werror -O2 -g -fomit-frame-pointer -pthread

# Compares the probes' stacks with libdw's.
VALIDATE := $(O)/tests/validate
VALIDATE_OBJECTS := $(VALIDATE_SOURCES:%.c=$(O)/obj/%.o)

# The tests link objects of their own, with sanitizers.
TEST_SANITIZE := address,undefined
TEST_FLAGS := -Wno-missing-prototypes -O1 -g -fno-omit-frame-pointer -fsanitize=$(TEST_SANITIZE) -fno-sanitize-recover=all
SANITIZED_ARCHIVE := $(O)/sanitized/conctrace.a
SANITIZED_OBJECTS := $(USER_SOURCES:%.c=$(O)/sanitized/%.o)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(O)/sanitized/tests/%)
# No test, but what tests of the whole program read; without sanitizers, for one of them is large.
MAKE_RECORDING := $(O)/tests/make_recording

# libFuzzer is part of clang; where its runtime is not installed the fuzzers are not built, and tools/run-fuzz says so.
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link
FUZZ_ARCHIVE := $(O)/fuzz/conctrace.a
FUZZ_OBJECTS := $(USER_SOURCES:%.c=$(O)/fuzz/%.o)
FUZZERS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(O)/fuzz/%)

.PHONY: all test-workloads setup setup-tests setup-vm setup-bench demo check check-kernels bench install uninstall clean tests fuzzers bpf
.SECONDARY:

all: $(PROGRAMS)
bpf: $(SKELETON)
test-workloads: $(TEST_WORKLOADS)
tests: $(UNIT_TESTS) $(TEST_WORKLOADS) $(CHAIN_PROGRAMS) $(VALIDATE) $(MAKE_RECORDING)
fuzzers: $(FUZZERS)

# ---- set-up ----------------------------------------------------------------------------------------------

setup:
	@tools/setup

setup-tests:
	@tools/setup --tests

setup-vm:
	@tools/setup --vm

setup-bench:
	@tools/setup --bench

# Said before the first compiler error, not after: which packages are missing, and the command that installs them.
$(O)/.packages: tools/setup
	@mkdir -p $(@D)
	@tools/setup --check
	@touch $@

# The flags that everything was built with: a change rebuilds.
define BUILD_FLAGS
$(VERSION) $(ARCH) $(CC) $(CLANG) $(CFLAGS) $(LDFLAGS) $(SANITIZE) $(STATIC) $(DEBUGINFOD)
endef
$(shell mkdir -p $(O) && printf '%s\n' '$(BUILD_FLAGS)' | cmp -s - $(O)/.flags || \
	printf '%s\n' '$(BUILD_FLAGS)' >$(O)/.flags)

# ---- probes: every bpf/*.bpf.c, linked into one object, made a header --------------------------------------

$(O)/bpf/%.o: bpf/%.bpf.c $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(CLANG) $(BPF_FLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

$(O)/bpf/conctrace.bpf.o: $(BPF_OBJECTS)
	$(call say,LINK,$@)$(BPFTOOL) gen object $@ $^

$(SKELETON): $(O)/bpf/conctrace.bpf.o
	@mkdir -p $(@D)
	$(call say,SKELETON,$@)$(BPFTOOL) gen skeleton $< name conctrace_bpf >$@

# ---- text that the program carries: the script and the style sheet of flame graphs, each as one string -----------

TEXTS := $(O)/gen/flamegraph_js.h $(O)/gen/flamegraph_css.h

$(O)/gen/%_js.h: user/output/%.js Makefile
	$(embed_text)

$(O)/gen/%_css.h: user/output/%.css Makefile
	$(embed_text)

define embed_text
	@mkdir -p $(@D)
	$(call say,TEXT,$<){ printf '/* Made from %s. */\nstatic const char %s[] =\n' '$<' '$(basename $(notdir $@))' && \
	sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< && echo ';'; } >$@
endef

# ---- user space ------------------------------------------------------------------------------------------

# The skeleton is there before anything that may include it is compiled; from then on the .d files know who does.
# Stacks of the demo workload are for people to read: whole ones, by frame pointers.
$(O)/obj/user/workloads/%.o: USER_FLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls

$(O)/obj/%.o: %.c $(O)/.packages $(O)/.flags | $(SKELETON) $(TEXTS)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(USER_FLAGS) $(CFLAGS) $(SANITIZE_FLAGS) -MMD -MP -c $< -o $@

$(ARCHIVE): $(USER_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(O)/conctrace: $(O)/obj/user/main.o $(ARCHIVE)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE_FLAGS) $(LINK_FLAGS) $(LDFLAGS) $^ $(LIBRARIES) -o $@

$(O)/conctrace-workload: $(WORKLOAD_OBJECTS)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE_FLAGS) $(LINK_FLAGS) $(LDFLAGS) $^ $(WORKLOAD_LIBRARIES) -lm -o $@

# ---- tests -----------------------------------------------------------------------------------------------

$(O)/sanitized/%.o: %.c $(O)/.packages $(O)/.flags | $(SKELETON) $(TEXTS)
	@mkdir -p $(@D)
	$(call say,CC-TEST,$<)$(CC) $(USER_FLAGS) -Itests/unit $(TEST_FLAGS) -MMD -MP -c $< -o $@

$(SANITIZED_ARCHIVE): $(SANITIZED_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(O)/sanitized/tests/%: $(O)/sanitized/tests/unit/%.o $(SANITIZED_ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(TEST_FLAGS) $^ $(LIBRARIES) -lm -o $@

# A name of 16 bytes in a record has no terminator, on purpose.
$(O)/obj/tests/unit/%.o: USER_FLAGS += -Itests/unit -Wno-stringop-truncation

$(MAKE_RECORDING): $(O)/obj/tests/unit/make_recording.o $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE_FLAGS) $(LINK_FLAGS) $(LDFLAGS) $^ $(LIBRARIES) -o $@

$(O)/tests/workloads/%: tests/workloads/%.c $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g -fno-omit-frame-pointer -Iinclude \
		-MMD -MP -MF $@.d -pthread $(LINK_FLAGS) $< -o $@ $(WORKLOAD_LIBRARIES) -lm

# Dynamically linked in every build: where a thread waits is the innermost function that is no library's.
$(O)/tests/workloads/wakings: LINK_FLAGS := -Wl,--as-needed

$(O)/tests/workloads/chains: $(CHAINS_SOURCES) $(CHAINS)/chains.h $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$(CHAINS)/*.c)$(CC) -std=gnu11 -D_GNU_SOURCE $(CHAIN_FLAGS) -Wl,--export-dynamic-symbol=briefly \
		$(CHAINS_SOURCES) -o $@ -ldl -lrt

# Bound lazily, whatever the distribution's default: its first call is to go through the dynamic linker.
$(O)/tests/workloads/chains_plugin.so: $(CHAINS)/plugin/chains_plugin.c $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 -D_GNU_SOURCE $(CHAIN_FLAGS) -shared -fPIC -Wl,-z,lazy $< -o $@

$(O)/tests/workloads/chains_cxx: $(CHAINS)/chains_cxx.cc $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)$(CXX) -std=gnu++17 $(CHAIN_FLAGS) $< -o $@

$(O)/tests/workloads/chains_rust: $(CHAINS)/chains_rust.rs $(O)/.packages $(O)/.flags
	@mkdir -p $(@D)
	$(call say,RUSTC,$<)env -u MAKEFLAGS -u MFLAGS $(RUSTC) --edition 2021 -O -g $< -o $@

$(VALIDATE): $(VALIDATE_OBJECTS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE_FLAGS) $(LDFLAGS) $^ $(LIBRARIES) -o $@

$(O)/fuzz/%.o: %.c $(O)/.packages $(O)/.flags | $(SKELETON) $(TEXTS)
	@mkdir -p $(@D)
	$(call say,CC-FUZZ,$<)$(CLANG) $(USER_FLAGS) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@

$(FUZZ_ARCHIVE): $(FUZZ_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(O)/fuzz/fuzz_%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(FUZZ_ARCHIVE)
	$(call say,LINK,$@)$(CLANG) -fsanitize=address,undefined,fuzzer $^ $(LIBRARIES) -lm -o $@

# One make after the other: what set-up installs is found by the next (flags of packages are read at its start).
JOBS := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

check:
	@$(MAKE) --no-print-directory setup-tests
	@$(MAKE) $(JOBS) --no-print-directory all tests
	@O='$(O)' MAKE='$(MAKE)' tools/run-checks

check-kernels:
	@$(MAKE) --no-print-directory setup-vm || true # without them the kernels are skipped, and that is said
	@O='$(O)' MAKE='$(MAKE)' tools/run-checks kernels

demo:
	@$(MAKE) --no-print-directory setup
	@$(MAKE) $(JOBS) --no-print-directory all
	@O='$(O)' tools/demo

bench:
	@$(MAKE) --no-print-directory setup-bench
	@$(MAKE) $(JOBS) --no-print-directory all tests
	@O='$(O)' tools/bench

# ---- install ---------------------------------------------------------------------------------------------

bindir = $(prefix)/bin
mandir = $(prefix)/share/man
completiondir = $(prefix)/share/bash-completion/completions

install: all
	install -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(completiondir)'
	install -m 755 $(PROGRAMS) '$(DESTDIR)$(bindir)/'
	install -m 644 user/completion/conctrace.bash '$(DESTDIR)$(completiondir)/conctrace'
	$(Q)for page in $(MAN_PAGES); do \
		install -d "$(DESTDIR)$(mandir)/man$${page##*.}" && \
		install -m 644 "$$page" "$(DESTDIR)$(mandir)/man$${page##*.}/" || exit 1; \
	done

# Folders that this leaves empty go too, up to the prefix; those with something else in them stay.
uninstall:
	rm -f $(foreach p,$(PROGRAMS),'$(DESTDIR)$(bindir)/$(notdir $(p))')
	rm -f '$(DESTDIR)$(completiondir)/conctrace'
	$(Q)for page in $(MAN_PAGES); do rm -f "$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}"; done
	$(Q)for d in '$(bindir)' $(foreach p,$(MAN_PAGES),'$(mandir)/man$(subst .,,$(suffix $(p)))') '$(mandir)' \
		'$(completiondir)' '$(prefix)/share/bash-completion' '$(prefix)/share' '$(prefix)'; do \
		if [ -d '$(DESTDIR)'"$$d" ]; then rmdir --ignore-fail-on-non-empty '$(DESTDIR)'"$$d"; fi; \
	done

# Only what this file made: O= may be any folder.
clean:
	rm -rf $(addprefix $(O)/,obj bpf gen sanitized fuzz tests demo bench screenshots npm .packages .flags results results-kernels vm conctrace \
		conctrace-workload conctrace.a)
	$(Q)if [ -d '$(O)' ]; then rmdir --ignore-fail-on-non-empty '$(O)'; fi

-include $(wildcard $(patsubst %.o,%.d,$(USER_OBJECTS) $(WORKLOAD_OBJECTS) $(BPF_OBJECTS) $(O)/obj/user/main.o $(O)/obj/tests/unit/make_recording.o \
	$(VALIDATE_OBJECTS) $(SANITIZED_OBJECTS) $(UNIT_SOURCES:%.c=$(O)/sanitized/%.o) $(FUZZ_OBJECTS) $(FUZZ_SOURCES:%.c=$(O)/fuzz/%.o)) \
	$(TEST_WORKLOADS:%=%.d))
