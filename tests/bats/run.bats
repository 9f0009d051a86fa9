#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# conctrace run on the real thing: the command's status, its files and terminal, whose everything is, what signals do, and
# what stays when something is killed or a disk is full.

# shellcheck disable=SC2012,SC2016,SC2094,SC2103,SC2154 # our own file names; inner shells expand; capture sets out, err, status
load helpers

setup() {
	requires root bpf
	plain_root
	in_scratch
}

teardown() {
	local mounted

	for mounted in ${MOUNTED:-}; do
		umount -l "$mounted" 2>/dev/null || true
	done
	leave_scratch
}

# conctrace run with OPTIONS and COMMAND: $out, $err, $status; the recording is r.data.
run_it() { # OPTION... -- COMMAND...
	last_run=("$@")
	capture timeout -k 5 60 "$CONCTRACE" run -o r.data --folded r.folded "$@"
}

# The recording of run_it is lawful.
expect_lawful_run() {
	expect_lawful_or_again r.data run_it "${last_run[@]}"
}

# A folder that nobody owns, and is in: files of nobody can be made here.
in_nobodys_folder() {
	mkdir theirs
	chown nobody: theirs
	cd theirs || return 1
}

# As sudo starts it for nobody.
by_sudo() { # COMMAND...
	SUDO_UID=$(id -u nobody) SUDO_GID=$(id -g nobody) SUDO_USER=nobody SUDO_COMMAND=$1 "$@"
}

contents() {
	find . -type f -o -type l | sort | xargs -r sha256sum
}

# ---- the exit status ---------------------------------------------------------------------------------------

@test "the exit status is the command's" {
	for n in 0 1 7 125 255; do
		run_it -q -- sh -c "exit $n"
		expect_status "$n"
	done
	expect_equal "$err" "" "stderr"
	expect_lawful_run
}

@test "the exit status is 128 + N if signal N ended the command" {
	for signal in TERM:15 KILL:9 USR1:10; do
		run_it --json --report r.json -- sh -c "kill -${signal%:*} \$\$"
		expect_status $((128 + ${signal#*:}))
		expect_equal "$(json r.json .exit.signal)" "${signal#*:}"
		expect_lawful_run
	done
}

@test "a command that can't be found or run: 127, 126, one line, nothing left behind" {
	printf '#!/no/such/interpreter\n' >no-interpreter
	printf 'x' >not-executable
	mkdir folder
	chmod 755 no-interpreter
	before=$(contents)
	while read -r want command; do
		capture "$CONCTRACE" run "$command"
		expect_status "$want"
		expect_equal "$out" "" "stdout"
		expect_equal "$(wc -l <<<"$err")" 1 "lines on stderr"
		expect_in "$command" "$err"
		expect_equal "$(contents)" "$before"
	done <<-END
		127 no-such-command-anywhere
		127 ./no-such-file
		127 /no/such/folder/prog
		127 ./no-interpreter
		126 ./not-executable
		126 ./folder
	END
	capture "$CONCTRACE" run ""
	expect_status 127
	expect_equal "$(contents)" "$before"
}

@test "a command that can't be run leaves the files of the run before as they were" {
	for file in conctrace.data conctrace.data.old conctrace.folded report; do
		echo "this is $file" >$file
	done
	before=$(contents)
	capture "$CONCTRACE" run --report report ./no-such-file
	expect_status 127
	expect_equal "$(contents)" "$before"
	capture "$CONCTRACE" run --report report /
	expect_status 126
	expect_equal "$(contents)" "$before"
}

# ---- the command's own files, and ours ---------------------------------------------------------------------

@test "standard input and output pass through, bytes as they are" {
	head -c 3000000 /dev/urandom >in
	head -c 3000000 in | "$CONCTRACE" run -q -- cat 3>&- | cat >piped
	cmp in piped
	"$CONCTRACE" run -q -- cat <in >file 3>&-
	cmp in file
	expect_lawful conctrace.data
}

@test "standard error is the command's, and the report comes after it" {
	capture "$CONCTRACE" run -q -- sh -c 'printf "a b\n\tc" >&2'
	expect_equal "$err" $'a b\n\tc'
	capture "$CONCTRACE" run -- sh -c 'echo first-of-all >&2; echo mine'
	expect_equal "$out" "mine"
	expect_equal "$(head -1 <<<"$err")" "first-of-all"
	(($(wc -l <<<"$err") > 10))
}

@test "the command finds what it would find alone: descriptors, signals, limits, environment, folder" {
	cat >look.sh <<-'END'
		ls /proc/self/fd | wc -l
		grep -E '^Sig(Blk|Ign|Cgt)|^NoNewPrivs|^Seccomp:|^Cap' /proc/self/status
		ulimit -a
		umask
		pwd
		env | grep -v -e '^_=' -e '^SHLVL=' | sort
		cat /proc/self/cgroup
		ps -o nice=,pgid=,sid= -p $$ | tr -s ' ' | cut -d ' ' -f 2
	END
	bash look.sh >alone 2>&1 </dev/null 3>&-
	"$CONCTRACE" run -q -- bash look.sh >traced 2>&1 </dev/null 3>&-
	diff alone traced
	"$CONCTRACE" run -q -- bash -c '[[ -e /proc/self/fd/1 ]] || echo closed >&2' >&- 2>said 3>&- </dev/null
	expect_equal "$(cat said)" "closed"
}

@test "the terminal is the command's" {
	capture python3 "$TOP/tests/bats/terminal.py" --type 'name?' 'Ada\n' -- \
		"$CONCTRACE" run -q -- bash -c 'test -t 0 && test -t 1 && read -rp "name?" n && echo "hello $n" && tty'
	expect_status 0
	expect_in "hello Ada" "$out"
	expect_in "/dev/pts/" "$out"
}

@test "a terminal sees one live line after two seconds, others don't" {
	capture python3 "$TOP/tests/bats/terminal.py" -- "$CONCTRACE" run -- sleep 3.3
	expect_status 0
	expect_in "switches/s" "$out"
	expect_in "lost" "$out"
	capture "$CONCTRACE" run -- sleep 2.5
	[[ $err != *"switches/s,"* ]]
	expect_equal "$(grep -c $'\033' <<<"$err")" 0 "lines with escapes"
}

@test "--report FILE, -q, --json, and - for standard output" {
	capture "$CONCTRACE" run --report report -- true
	expect_status 0
	expect_equal "$out$err" ""
	(($(wc -l <report) > 10))
	capture "$CONCTRACE" run -q -- true
	expect_equal "$out$err" ""
	capture "$CONCTRACE" run -q --report nothing -- true
	[[ ! -e nothing ]]
	capture "$CONCTRACE" run --json -- true
	expect_equal "$out" ""
	expect_equal "$(jq -r .schema <<<"$err")" "conctrace-report/1"
	capture "$CONCTRACE" run --json --report - -- true
	expect_equal "$(jq -r .schema <<<"$out")" "conctrace-report/1"
	expect_equal "$err" ""
}

@test "the report of a run is that of its recording" {
	run_it --report text -- sh -c 'sleep 0.05; exit 3'
	expect_status 3
	"$CONCTRACE" report r.data >again
	diff text again
	run_it --json --threads all --report text -- sh -c 'sleep 0.05; exit 3'
	"$CONCTRACE" report --json --threads all r.data >again
	diff text again
	"$CONCTRACE" folded r.data >again
	diff <(sort r.folded) <(sort again)
	"$CONCTRACE" folded --all r.data | diff again -
	expect_lawful_run
}

@test "without names the files are conctrace.data and conctrace.folded, and the one before is kept" {
	capture "$CONCTRACE" run -q -- true
	expect_status 0
	expect_equal "$(ls -A | tr '\n' ' ')" "conctrace.data conctrace.folded "
	first=$(sha256sum <conctrace.data)
	capture "$CONCTRACE" run -q -- sleep 0.01
	expect_equal "$(ls -A | tr '\n' ' ')" "conctrace.data conctrace.data.old conctrace.folded "
	expect_equal "$(sha256sum <conctrace.data.old)" "$first" "the one before"
	second=$(sha256sum <conctrace.data)
	capture "$CONCTRACE" run -q -- true
	expect_equal "$(sha256sum <conctrace.data.old)" "$second" "the one before"
	expect_equal "$(ls -A | wc -l)" 3
	expect_lawful conctrace.data.old
	[[ $(cat conctrace.folded) != *sleep* ]]
}

@test "the report is of what was recorded, whatever the recording's name stands for by then" {
	capture "$CONCTRACE" run --report first.txt -o r.data -- sh -c 'rm r.data; sleep 0.05'
	expect_status 0
	expect_in "r.data" "$err"
	expect_in "removed" "$err"
	grep -q '^ended *exit 0' first.txt
	"$CONCTRACE" run -q -o other.data -- true
	capture timeout 20 "$CONCTRACE" run --report first.txt --folded first.folded -o r.data -- sh -c 'mv other.data r.data; sleep 0.05; exit 4'
	expect_status 4
	grep -q '^ended *exit 4' first.txt
	(($(grep -c sleep first.folded) > 0))
	capture timeout 20 "$CONCTRACE" run --report first.txt -o r.data -- sh -c 'rm r.data; mkfifo r.data'
	expect_status 0
	grep -q '^ended *exit 0' first.txt
}

@test "two outputs in one file are refused before the start" {
	capture "$CONCTRACE" run -o same --folded same -- touch started
	expect_status 125
	expect_in "same" "$err"
	expect_equal "$(ls -A)" ""
}

@test "--no-stacks: the folded file has process, thread and kind, no functions" {
	capture "$CONCTRACE" run -q --no-stacks -o r.data --folded r.folded -- sh -c 'sleep 0.05; :'
	expect_status 0
	grep -qE '^sleep[^;]*;sleep[^;]*;.*\[sleep\] [0-9]+$' r.folded
	expect_equal "$(grep -cE 'main|libc|ld-linux' r.folded)" 0 "lines with functions"
	expect_lawful r.data
}

# ---- who is who --------------------------------------------------------------------------------------------

@test "under sudo the command runs as the one who called, and the files are theirs" {
	requires user
	in_nobodys_folder
	capture by_sudo "$CONCTRACE" run --report report -- sh -c \
		'id -u; id -g; id -G; echo "$HOME $USER $LOGNAME $SHELL"; env | grep -c ^SUDO_; touch made'
	expect_status 0
	IFS=: read -r _ _ uid gid _ home shell <<<"$(getent passwd nobody)"
	expect_equal "$out" "$uid"$'\n'"$gid"$'\n'"$(id -G nobody)"$'\n'"$home nobody nobody $shell"$'\n'0
	for file in conctrace.data conctrace.folded report made; do
		expect_equal "$(stat -c '%U %a' $file)" "nobody 644" "$file"
	done
	expect_lawful conctrace.data
}

@test "under sudo the command has all groups of the one who called, and none of root's" {
	requires user command-unshare
	getent passwd >passwd
	echo 'conctester:x:54321:54321:test:/home/conctester:/bin/dash' >>passwd
	getent group >group
	printf 'conctester:x:54321:\nconctest-a:x:54322:conctester\nconctest-b:x:54323:nobody,conctester\n' >>group
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	mkdir theirs
	chown 54321:54321 theirs
	SUDO_UID=54321 SUDO_GID=54321 SUDO_USER=conctester capture unshare -m sh -c '
		mount --bind passwd /etc/passwd && mount --bind group /etc/group && cd theirs || exit 99
		exec "$CONCTRACE" run -q -- sh -c "id -G; grep ^Groups /proc/self/status; grep -E ^Cap\(Prm\|Eff\) /proc/self/status; echo \$HOME \$USER \$SHELL"'
	expect_status 0
	expect_in "54321 54322 54323" "$(tr '\n' ' ' <<<"$out")"
	expect_equal "$(sed -n 's/^Groups:[ \t]*//p' <<<"$out" | tr ' ' '\n' | sort -n | xargs)" "54321 54322 54323"
	expect_equal "$(grep -c '^Cap.*0000000000000000' <<<"$out")" 2 "sets of capabilities that are empty"
	expect_in "/home/conctester conctester /bin/dash" "$out"
	expect_equal "$(stat -c '%u %g' theirs/conctrace.data)" "54321 54321"
}

@test "--as-root keeps root for the command, the files still belong to the one who called" {
	requires user
	in_nobodys_folder
	capture by_sudo "$CONCTRACE" run -q --as-root -- id -u
	expect_status 0
	expect_equal "$out" 0
	expect_equal "$(stat -c %U conctrace.data)" nobody
}

@test "--user NAME is whom the command runs as" {
	requires user
	capture "$CONCTRACE" run -q --user nobody -- sh -c 'id -un; echo $USER'
	expect_status 0
	expect_equal "$out" $'nobody\nnobody'
	expect_equal "$(stat -c %U conctrace.data)" root
	capture "$CONCTRACE" run -q --user no-such-user -o new -- touch started
	expect_status 125
	expect_in "no-such-user" "$err"
	[[ ! -e started && ! -e new ]]
}

@test "without sudo root's command is root's" {
	capture "$CONCTRACE" run -q -- id -u
	expect_equal "$out" 0
	expect_equal "$(stat -c %U conctrace.data)" root
}

@test "where the one who called may not write: refused before the start" {
	requires user
	chmod 777 .
	mkdir closed
	cd closed
	capture by_sudo "$CONCTRACE" run -- touch "$SCRATCH/started"
	expect_status 125
	expect_in "conctrace.data" "$err"
	expect_equal "$(wc -l <<<"$err")" 1 "lines on stderr"
	expect_equal "$(ls -A)" ""
	[[ ! -e $SCRATCH/started ]]
	cd ..
	capture "$CONCTRACE" run -q -o no/such/folder/r.data -- touch started
	expect_status 125
	expect_in "no/such/folder/r.data" "$err"
	[[ ! -e started ]]
}

@test "a link in the caller's folder does not lead root to a file that is not theirs" {
	requires user
	echo precious >precious
	in_nobodys_folder
	ln -s ../precious conctrace.data
	capture by_sudo "$CONCTRACE" run -q -- true
	expect_status 125
	expect_equal "$(cat ../precious)" precious
	rm conctrace.data
	ln -s ../precious conctrace.folded
	capture by_sudo "$CONCTRACE" run -q -- true
	expect_status 125
	expect_equal "$(cat ../precious)" precious
}

@test "a read-only file system: refused before the start" {
	mkdir ro
	mount -t tmpfs -o ro,size=64k none ro 2>/dev/null || skip "this container may not mount"
	MOUNTED=$SCRATCH/ro
	cd ro
	capture "$CONCTRACE" run -- touch "$SCRATCH/started"
	cd ..
	expect_status 125
	expect_in "ead-only" "$err"
	[[ ! -e started ]]
}

# ---- signals -----------------------------------------------------------------------------------------------

# conctrace in the background with a command that says when it is ready; signals are as for a program of a terminal's.
# $BACKGROUND is conctrace, out.txt and err.txt are what was printed.
start_run() { # OPTION... -- COMMAND...
	start_background env --default-signal=INT,QUIT,HUP "$CONCTRACE" run -o r.data --folded r.folded "$@" \
		>out.txt 2>err.txt </dev/null
	wait_until 20 grep -q ready out.txt
}

# One process that counts SIGNAL for 0.8 s, says how often it came, and ends with STATUS.
write_counter() { # SIGNAL STATUS
	cat >counter.py <<-END
		import signal, sys, time
		came = []
		signal.signal(signal.SIG$1, lambda number, frame: came.append(number))
		print("ready", flush=True)
		end = time.monotonic() + 0.8
		while time.monotonic() < end:
		    time.sleep(0.02)
		print("times", len(came), flush=True)
		sys.exit($2)
	END
}

@test "SIGINT and SIGTERM to conctrace reach the command, once, and the report is printed" {
	for signal in INT TERM; do
		write_counter "$signal" 3
		start_run --json --report r.json -- python3 counter.py
		kill -"$signal" "$BACKGROUND"
		status_of "$BACKGROUND" 20
		expect_equal "$status" 3 "status after SIG$signal"
		expect_in "times 1" "$(cat out.txt)"
		expect_equal "$(json r.json .exit.code)" 3
		expect_lawful r.data
	done
}

@test "a command that a signal ends: 128 + N, and the report is there" {
	echo ready >ready.txt
	for signal in INT:2 TERM:15 HUP:1; do
		# not a shell that execs a sleep: a signal that comes to it just before is lost
		start_run -- tail -f ready.txt
		kill -"${signal%:*}" "$BACKGROUND"
		status_of "$BACKGROUND" 20
		expect_equal "$status" $((128 + ${signal#*:})) "status after SIG${signal%:*}"
		(($(wc -l <err.txt) > 10))
		expect_lawful r.data
	done
}

@test "Ctrl-C on a terminal comes to the command once" {
	write_counter INT 4
	capture python3 "$TOP/tests/bats/terminal.py" --type ready '\x03' -- \
		"$CONCTRACE" run --report r.txt -o r.data -- python3 counter.py
	expect_status 4
	expect_in "times 1" "$out"
	(($(wc -l <r.txt) > 10))
	expect_lawful r.data
}

@test "Ctrl-C before the command has started: it never starts, one line, nothing left behind" {
	requires command-python3
	# The recording is there a moment before the probes are loaded, which takes 0.1 s.
	cat >early.py <<-'END'
		import os, pty, signal, sys, time
		pid, fd = pty.fork()
		if not pid:
		    signal.signal(signal.SIGINT, signal.SIG_DFL)
		    os.execvp(sys.argv[1], sys.argv[1:])
		while not os.path.exists("r.data"):
		    time.sleep(0.001)
		time.sleep(0.03)
		os.write(fd, b"\x03")
		shown = b""
		try:
		    while data := os.read(fd, 65536):
		        shown += data
		except OSError:
		    pass
		print(shown.decode().replace("\r", ""), end="")
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	capture python3 early.py "$CONCTRACE" run -q -o r.data --folded r.folded -- touch started
	expect_status 130
	expect_equal "${out#^C}" 'conctrace: command "touch": killed before it was started'
	expect_equal "$(ls)" "early.py"
}

@test "asked to end three times within a second: that ends the tracing, the command goes on" {
	start_run -- bash -c 'trap "" INT TERM HUP; echo ready $$; sleep 1.5; echo done-at-last'
	kill -INT "$BACKGROUND"
	kill -TERM "$BACKGROUND"
	kill -HUP "$BACKGROUND"
	status_of "$BACKGROUND" 20
	expect_equal "$status" 125
	expect_in "three times within a second" "$(cat err.txt)"
	expect_in "process $(awk '/ready/ { print $2 }' out.txt)" "$(cat err.txt)"
	(($(wc -l <err.txt) > 10))
	wait_until 20 grep -q done-at-last out.txt
}

@test "kill -9 of the command: 137, and a whole report" {
	start_run --json --report r.json -- bash -c 'echo ready $$; exec sleep 30'
	kill -9 "$(awk '/ready/ { print $2 }' out.txt)"
	status_of "$BACKGROUND" 20
	expect_equal "$status" 137
	expect_equal "$(json r.json .exit.signal)" 9
	(($(json r.json '.totals.waits.sleep.ns') > 0))
	expect_lawful r.data
}

@test "kill -9 of conctrace: the command lives on, nothing stays attached, the recording can be read" {
	requires command-bpftool
	start_run -- bash -c 'echo ready $$; for i in {1..400}; do read -t 0.01 <> <(:) || :; done; sleep 2; echo done-at-last'
	command=$(awk '/ready/ { print $2 }' out.txt)
	objects=$(bpf_objects "$BACKGROUND")
	(($(grep -c ^prog <<<"$objects") >= 3))
	(($(grep -c ^link <<<"$objects") >= 3))
	helpers=$(pgrep -P "$BACKGROUND" | grep -vx "$command" || true)
	[[ -n $helpers ]]
	sleep 2.5
	kill -9 "$BACKGROUND"
	status_of "$BACKGROUND" 10
	expect_equal "$status" 137
	kill -0 "$command"
	expect_detached "$objects"
	for helper in $helpers; do
		wait_until 10 has_ended "$helper"
	done
	wait_until 30 grep -q done-at-last out.txt
	capture "$CONCTRACE" report r.data
	expect_status 1
	grep -qiE 'unfinished|incomplete|cut|ends ' <<<"$out$err"
	expect_in "bash" "$out"
	capture "$CONCTRACE" report --json r.data
	expect_equal "$(jq -r '.command[0]' <<<"$out")" bash
	expect_equal "$(jq -r .complete <<<"$out")" false
	# Not only that it was: most of what had happened until then.
	(($(jq .totals.threads <<<"$out") >= 2))
	(($(jq .wall_ns <<<"$out") > 1000000000))
}

@test "kill -9 of conctrace while nothing happens: the time is there, unknown, and no verdict" {
	start_run -- bash -c 'echo ready $$; exec sleep 30'
	command=$(awk '/ready/ { print $2 }' out.txt)
	sleep 3.3
	kill -9 "$BACKGROUND"
	status_of "$BACKGROUND" 10
	kill "$command"
	capture "$CONCTRACE" report --json r.data
	expect_status 1
	(($(jq .wall_ns <<<"$out") > 2000000000))
	(($(jq .totals.unknown_ns <<<"$out") > 1500000000))
	expect_equal "$(jq -r .bound <<<"$out")" mixed
	capture "$CONCTRACE" report r.data
	grep -qE "no interval was recorded|nothing is known" <<<"$out"
}

# ---- the disk is full --------------------------------------------------------------------------------------

# A file system of SIZE in ./small.
small_disk() { # SIZE
	mkdir small
	mount -t tmpfs -o "size=$1" none small 2>/dev/null || skip "this container may not mount"
	MOUNTED=$SCRATCH/small
}

@test "a disk that fills up while recording: the command lives on, what was recorded stays readable" {
	requires workload-threads10000
	small_disk 256k
	capture "$CONCTRACE" run -o small/r.data --folded r.folded --report r.txt -- "$WORKLOADS/threads10000"
	expect_equal "$(jq -r .threads <<<"$out")" 10001
	((status != 0))
	expect_in "small/r.data" "$err"
	expect_in "No space left" "$err"
	capture "$CONCTRACE" report small/r.data
	expect_status 1
	grep -qiE 'unfinished|incomplete|cut|ends |disk' <<<"$out$err"
	expect_in "threads10000" "$out"
}

@test "a disk with little room: what fits is there, not only what came before a large section" {
	requires workload-processes1000
	small_disk 64k
	capture "$CONCTRACE" run -o small/r.data --folded r.folded --report r.txt -- "$WORKLOADS/processes1000" fork
	((status != 0))
	expect_in "No space left" "$err"
	(($(stat -c %s small/r.data) > 50000))
	capture "$CONCTRACE" report --json small/r.data
	expect_status 1
	(($(jq .totals.threads <<<"$out") > 100))
}

@test "a recording larger than ulimit -f: as a disk that fills up; the command has its signals as they were" {
	requires workload-threads10000
	capture bash -c 'ulimit -f 64; exec "$@"' - "$CONCTRACE" run -o r.data --folded r.folded --report r.txt -- \
		sh -c 'grep SigIgn /proc/$$/status >ignored; exec "$1"' - "$WORKLOADS/threads10000"
	expect_equal "$(jq -r .threads <<<"$out")" 10001
	expect_status 125
	expect_in "r.data: File too large" "$err"
	((!(0x$(awk '{ print $2 }' ignored) & 1 << 24)))
	capture "$CONCTRACE" report r.data
	expect_status 1
}

@test "a disk that is full: said before the command starts" {
	small_disk 64k
	head -c 100000 /dev/zero >small/zeros 2>/dev/null || true
	capture "$CONCTRACE" run -q -o small/r.data --folded r.folded -- touch started
	expect_status 125
	expect_in "No space left" "$err"
	[[ ! -e started && ! -e small/r.data && ! -e r.folded ]]
}

# ---- what is seen ------------------------------------------------------------------------------------------

@test "the shortest run is whole" {
	for _ in 1 2 3 4 5; do
		run_it --json --report r.json -- true
		expect_status 0
		expect_equal "$(json r.json '[.processes[].threads[]] | length')" 1
		expect_equal "$(json r.json '.processes[0].comm')" true
		(($(json r.json .totals.running_ns) > 0))
		expect_equal "$(json r.json '[.loss[]] | add')" 0 "lost"
		expect_lawful_run
	done
}

@test "a command that execs stays one process" {
	run_it --json --threads all --report r.json -- sh -c 'exec sh -c "exec sleep 0.05"'
	expect_equal "$(json r.json '.processes | length')" 1
	expect_equal "$(json r.json '.processes[0].comm')" sleep
	expect_equal "$(json r.json '.processes[0].threads[0].waits.sleep.count')" 1
	expect_near "$(json r.json '.processes[0].threads[0].waits.sleep.ns')" 50000000 5 2000000
	expect_lawful_run
}

@test "sleep 1 is one wait of a second" {
	run_it --json --report r.json -- sleep 1
	expect_equal "$(json r.json .bound)" sleep
	expect_equal "$(json r.json .form)" sequential
	expect_equal "$(json r.json '.totals.waits.sleep.count')" 1
	expect_near "$(json r.json '.totals.waits.sleep.ns')" 1000000000 1 2000000
	expect_near "$(json r.json .wall.sleep_ns)" 1000000000 1 2000000
	expect_lawful_run
}

@test "the end is that of the command; with --wait-all, of all it started" {
	begin=$SECONDS
	run_it --json --report r.json -- sh -c 'sleep 5 & exit 0'
	expect_status 0
	((SECONDS - begin < 5))
	pkill_ours=$(jq -r '.processes[] | select(.comm == "sleep") | .pid' r.json)
	kill "$pkill_ours" 2>/dev/null || true
	expect_equal "$(json r.json '[.processes[] | select(.exit == null)] | length')" 1 "processes that live on"
	expect_lawful_run
	run_it --json --report r.json --wait-all -- sh -c 'setsid sleep 0.7 & exit 6'
	expect_status 6
	expect_equal "$(jq -r '[.processes[] | select(.exit == null)] | length' r.json)" 0 "processes that live on"
	(($(json r.json .wall_ns) > 690000000))
	expect_lawful_run
}

@test "what still runs at the end: the kernel's number is of that moment, and --wait-all is named" {
	# The child computes on while its account is closed.
	run_it --json --report r.json -- bash -c '(for ((i = 0; i < 300000; i++)); do :; done) & sleep 0.05'
	expect_status 0
	have=$(json r.json '[.processes[].threads[] | .running_ns] | add')
	want=$(json r.json '[.processes[].threads[] | .kernel.exec_runtime_ns] | add')
	expect_near "$have" "$want" 1 200000 "running"
	capture "$CONCTRACE" report r.data
	expect_in "process still ran at the end: --wait-all follows it" "$out"
	run_it --wait-all -- bash -c 'sleep 0.1 &'
	[[ $err != *--wait-all* ]]
}

@test "symbols of processes that have ended are in the folded file" {
	run_it -q -- sh -c '"$WORKLOAD" --task cpu --jobs 2 --compute-ms 100; sleep 0.05; true'
	expect_status 0
	grep -qE '^conctrace-workl[^;]*;[^;]*;.*main;.*\[running\] [0-9]+$' r.folded
	run_it -q -- sh -c '"$WORKLOAD" --task io --jobs 2; true'
	grep -qE ';main;.*_\[k\];\[network\] [0-9]+$' r.folded
	expect_lawful_run
}

@test "frames of the kernel and of the vdso have names" {
	requires workload-preempt
	run_it -q -- dd if=/dev/zero of=/dev/null bs=1M count=8000
	grep -qE ';[a-z_0-9]+_\[k\];\[running\] [0-9]+$' r.folded
	run_it -q -- "$WORKLOADS/preempt" 1 300
	grep -qE 'spin' r.folded
	expect_lawful_run
}

@test "a wait has its system call as the last frame" {
	run_it -q -- sh -c 'sleep 0.1; :'
	grep -qE ';clock_nanosleep_\[k\];\[sleep\] [0-9]+$' r.folded
	grep -qE ';wait4_\[k\];\[child\] [0-9]+$' r.folded
	expect_lawful_run
}

@test "--kernel-stacks puts the kernel's frames there" {
	run_it -q --kernel-stacks -- sh -c 'sleep 0.1; :'
	grep -qE ';[a-z_0-9]*nanosleep[a-z_0-9]*_\[k\];.*_\[k\];\[sleep\] [0-9]+$' r.folded
	expect_equal "$(grep -cE 'on_switch.*;\[sleep\]' r.folded)" 0 "waits that end in the probe"
	expect_lawful_run
}

@test "forms of concurrency are told apart" {
	for form in sequential threaded multiprocess async; do
		run_it --json --report r.json -- "$WORKLOAD" --task io --form "$form" --jobs 8 --rounds 4 --delay-ms 15
		expect_status 0
		expect_equal "$(json r.json .form)" "$form"
		expect_equal "$(json r.json .bound)" io "bound of $form"
		expect_lawful_run
	done
}

@test "two runs at the same time don't see each other" {
	start_background timeout 60 "$CONCTRACE" run --json --report a.json -o a.data --folded a.folded -- \
		sh -c 'sleep 0.6; exit 5' </dev/null
	first=$BACKGROUND
	capture "$CONCTRACE" run --json --report b.json -o b.data --folded b.folded -- sh -c 'sleep 0.6; exit 6'
	expect_status 6
	status_of "$first" 20
	expect_equal "$status" 5
	for name in a b; do
		expect_equal "$(json $name.json '.processes | length')" 2
		expect_equal "$(json $name.json '[.loss[]] | add')" 0
		expect_lawful $name.data
	done
}
