/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes the instruction that says "others may go on", for ever. An emulator that counts instructions (QEMU's -icount, up to 8.0)
 * lets a CPU run until the next timer is due, and then has nothing left for the other CPU; before 6.5 an x86 kernel that starts a CPU
 * asks for it in a loop without this instruction, and would ask for ever. With this running beside it, the other CPU gets its turn.
 */
int main(void)
{
	for (;;)
		__builtin_ia32_pause();
}
