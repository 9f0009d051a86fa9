#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# conctrace attach: processes that run already, with the state in which they are found, and what they start.

# shellcheck disable=SC2016,SC2154 # inner shells expand; capture sets out, err and status
load helpers

setup() {
	requires root bpf
	plain_root
	in_scratch
}

teardown() {
	local pid

	for pid in ${OTHERS:-}; do
		kill -9 "$pid" 2>/dev/null || true
	done
	leave_scratch
}

# A target: started as in the background of a terminal, silent.
start_target() { # COMMAND...
	start_background env --default-signal=INT "$@" </dev/null >>target.txt 2>&1
	TARGET=$BACKGROUND
}

# conctrace attach: $out, $err, $status, r.json, r.data.
attach_to() { # ARG...
	last_attach=("$@")
	capture timeout -k 5 60 "$CONCTRACE" attach --json --threads all --report r.json -o r.data --folded r.folded "$@"
}

# The recording of attach_to is lawful; for a second try the targets are still there.
expect_lawful_attach() {
	expect_lawful_or_again r.data attach_to "${last_attach[@]}"
}

# The same, in the background, recording when this returns: $BACKGROUND.
start_attach() { # ARG...
	start_background env --default-signal=INT "$CONCTRACE" attach --json --threads all --report r.json -o r.data \
		--folded r.folded "$@" </dev/null 2>err.txt
	wait_until 20 has_links "$BACKGROUND"
	sleep 0.3
}

has_links() { # PID
	[[ $(bpf_objects "$1") == *link* ]]
}

in_state() { # PID LETTER
	[[ $(sed 's/.*) //; s/ .*//' "/proc/$1/stat") == "$2" ]]
}

# Thread TID of the report waited for KIND all the time, once.
expect_one_wait() { # TID KIND
	if ! jq -e --argjson tid "$1" --arg kind "$2" '
		[.processes[].threads[] | select(.tid == $tid)] as [$t] | $t.waits[$kind] as $w
		| $w != null and $w.count == 1 and $w.ns >= $t.lifetime_ns * 0.95 - 5000000 and $t.lifetime_ns > 0' r.json >/dev/null
	then
		printf 'thread %s was not in one wait of kind %s: %s\n' "$1" "$2" \
			"$(jq -c --argjson tid "$1" '[.processes[].threads[] | select(.tid == $tid) | {tid, lifetime_ns, waits}]' r.json)" >&2
		return 1
	fi
}

@test "a process that sleeps: its wait counts from the attach on" {
	start_target sleep 60
	wait_until 10 in_state "$TARGET" S
	attach_to -p "$TARGET" -d 1
	expect_status 0
	expect_equal "$out$err" ""
	kill -0 "$TARGET"
	expect_near "$(json r.json .wall_ns)" 1000000000 10 100000000 "wall"
	expect_one_wait "$TARGET" sleep
	expect_equal "$(json r.json .verb)" attach
	expect_equal "$(json r.json '.totals.unknown_ns')" 0
	expect_equal "$(jq -r '.processes[0].exit' r.json)" null
	expect_lawful_attach
}

@test "a process that computes: running, or ready where others have the CPU" {
	start_target bash -c 'while :; do :; done'
	attach_to -p "$TARGET" -d 0.7
	expect_status 0
	kill -0 "$TARGET"
	kill -9 "$TARGET"
	life=$(json r.json .totals.lifetime_ns)
	busy=$(($(json r.json .totals.running_ns) + $(json r.json .totals.ready_ns)))
	expect_near "$life" 700000000 10 100000000 "lifetime"
	expect_near "$busy" "$life" 1 2000000 "running + ready"
	(($(json r.json .totals.running_ns) > life / 10))
	expect_equal "$(json r.json '.totals.unknown_ns')" 0
	expect_lawful r.data
}

@test "threads that go from CPU to CPU, from before until after: the kernel's own numbers" {
	requires workload-migrate
	for _ in 1 2 3; do
		start_target "$WORKLOADS/migrate" 30000 until
		attach_to -p "$TARGET" -d 0.3
		expect_status 0
		expect_lawful_attach
		expect_equal "$(json r.json '.processes[].threads | length')" 5
		kill -9 "$TARGET"
	done
}

@test "threads of python3, blocked since before: each with its own cause" {
	requires command-python3
	cat >threads.py <<-'END'
		import os, select, socket, threading, time
		def tell(name):
		    with open("tids", "a") as f:
		        f.write(f"{name} {threading.get_native_id()}\n")
		r, w = os.pipe()
		server = socket.create_server(("127.0.0.1", 0))
		poll = select.epoll()
		poll.register(r)
		def local(): tell("local"); os.read(r, 1)
		def network(): tell("network"); server.accept()
		def polling(): tell("poll"); poll.poll()
		def sleep(): tell("sleep"); time.sleep(60)
		def condition():
		    tell("condition")
		    c = threading.Condition()
		    with c:
		        c.wait()
		for f in local, network, polling, sleep, condition:
		    threading.Thread(target=f, daemon=True).start()
		time.sleep(60)
	END
	start_target python3 threads.py
	wait_until 20 eval '(($(wc -l <tids) == 5))'
	sleep 0.3
	attach_to -p "$TARGET" -d 0.6
	expect_status 0
	expect_equal "$(json r.json '[.processes[].threads[]] | length')" 6 "threads"
	while read -r kind tid; do
		expect_one_wait "$tid" "$kind"
	done <tids
	expect_equal "$(json r.json '.totals.unknown_ns')" 0
	expect_lawful_attach
}

@test "processes blocked in each kind of wait since before the attach" {
	pids="" wanted=""
	while read -r program form kind; do
		requires "workload-wait_$program"
		start_target "$WORKLOADS/wait_$program" "$form" 1 25000
		pids+=,$TARGET
		wanted+="$TARGET ${kind:-$program}"$'\n'
	done <<-END
		network tcp
		local pipe
		poll epoll
		mutex normal
		file_lock flock
		condition cond
		child wait4
		ipc msgrcv
		sleep nanosleep
		signal pause
		syscall seccomp
		kernel_lock pipe
		fault touch
		join join
		network accept
		local fifo_open
		poll select
		mutex rwlock_write
		mutex rwlock_read
		mutex rwlock_reader
		mutex pi
		condition barrier
		poll poll_timerfd sleep
		poll epoll_timerfd sleep
		condition sem
		ipc mq_receive
		sleep poll
	END
	start_target "$WORKLOADS/wait_stopped" stop 1 25000
	wait_until 20 pgrep -P "$TARGET"
	stopped=$(pgrep -P "$TARGET")
	wait_until 20 in_state "$stopped" T
	wanted+="$stopped stopped"
	OTHERS=$stopped
	sleep 1
	present="" known=""
	while read -r pid kind; do
		# One that this machine can't do has ended.
		if has_ended "$pid"; then
			echo "# wait_$kind: not possible here" >&3
			continue
		fi
		present+="$pid $kind"$'\n'
		known+=,$pid
	done <<<"$wanted"
	(($(wc -l <<<"$present") > 15))
	attach_to -p "${known#,}" -d 0.6
	expect_status 0
	expect_equal "$(json r.json '.processes | length')" "$(grep -c . <<<"$present")" "processes"
	failed=0
	while read -r pid kind; do
		[[ -n $pid ]] || continue
		expect_one_wait "$pid" "$kind" || failed=$((failed + 1))
	done <<<"$present"
	expect_equal "$failed" 0 "threads that are not shown as they are"
	expect_lawful_attach
}

@test "it ends when all targets have ended" {
	start_target sleep 1.5
	first=$TARGET
	# The first child was there before; the second is what it starts.
	start_target bash -c 'sleep 1.2; sleep 0.5; exit 5'
	attach_to -p "$first,$TARGET"
	expect_status 0
	expect_equal "$(json r.json '.processes | length')" 3
	expect_equal "$(json r.json "[.processes[] | select(.pid == $first)][0].exit.code")" 0
	expect_equal "$(json r.json "[.processes[] | select(.pid == $TARGET)][0].exit.code")" 5
	expect_equal "$(json r.json '[.processes[] | select(.exit == null)] | length')" 0
	expect_lawful r.data
}

@test "one target that ends does not end it for the others" {
	start_target sleep 0.8
	first=$TARGET
	start_target sleep 60
	attach_to -p "$first" -p "$TARGET" -d 2
	expect_status 0
	expect_near "$(json r.json .wall_ns)" 2000000000 10 100000000 "wall"
	expect_equal "$(json r.json "[.processes[] | select(.pid == $first)][0].exit.code")" 0
	expect_lawful r.data
}

@test "Ctrl-C and SIGTERM end it, with the report; the target lives on" {
	for signal in INT TERM; do
		start_target sleep 60
		start_attach -p "$TARGET"
		kill -"$signal" "$BACKGROUND"
		status_of "$BACKGROUND" 20
		expect_equal "$status" 0 "status after SIG$signal"
		expect_equal "$(cat err.txt)" ""
		kill -0 "$TARGET"
		expect_one_wait "$TARGET" sleep
		expect_lawful r.data
	done
}

@test "a process that is not there" {
	start_target true
	status_of "$TARGET" 10
	capture "$CONCTRACE" attach -p "$TARGET" -d 1
	expect_status 1
	expect_in "$TARGET" "$err"
	expect_equal "$(wc -l <<<"$err")" 1 "lines on stderr"
	expect_equal "$(find . -name 'conctrace*')" ""
}

@test "a thread that is not the first of its process is refused, with the reason" {
	start_target python3 -c 'import threading, time
threading.Thread(target=time.sleep, args=(60,)).start()'
	wait_until 20 eval "((\$(ls /proc/$TARGET/task | wc -l) == 2))"
	tid=$(find "/proc/$TARGET/task" -mindepth 1 -maxdepth 1 ! -name "$TARGET" -printf '%f')
	capture "$CONCTRACE" attach -p "$tid" -d 1
	expect_status 1
	expect_in "$tid" "$err"
	expect_in "thread" "$err"
	expect_equal "$(find . -name 'conctrace*')" ""
}

@test "a thread of the kernel: its time is told, and no stack that it does not have" {
	[[ $(cat /proc/2/comm) == kthreadd ]] || skip "process 2 is no thread of the kernel here"
	attach_to -p 2 -d 0.3
	expect_status 0
	expect_equal "$(json r.json .stacks.taken)" 0 "stacks"
	expect_equal "$(json r.json .totals.unknown_ns)" 0
}

@test "a process that is named twice is one" {
	start_target sleep 60
	attach_to -p "$TARGET,$TARGET" -p "$TARGET" -d 0.3
	expect_status 0
	expect_equal "$(json r.json '[.processes[].threads[]] | length')" 1
	expect_lawful_attach
}

@test "new threads, children and what they execute are followed" {
	cat >starts.py <<-'END'
		import os, subprocess, threading, time
		while not os.path.exists("go"):
		    time.sleep(0.02)
		t = threading.Thread(target=time.sleep, args=(0.2,))
		t.start()
		subprocess.run(["sh", "-c", "sleep 0.2; sleep 0.1; exit 9"])
		t.join()
	END
	start_target python3 starts.py
	sleep 0.5
	start_attach -p "$TARGET"
	touch go
	status_of "$BACKGROUND" 30
	expect_equal "$status" 0
	expect_equal "$(json r.json '[.processes[] | select(.comm == "sleep")] | length')" 2 "sleeps"
	expect_equal "$(json r.json '[.processes[] | select(.comm == "sh")][0].exit.code')" 9
	expect_equal "$(json r.json '[.processes[] | select(.comm == "sh")][0].ppid')" "$TARGET"
	expect_equal "$(json r.json "[.processes[] | select(.pid == $TARGET)][0].threads | length")" 2 "threads of the target"
	expect_near "$(json r.json "[.processes[] | select(.pid == $TARGET)][0].threads[1].waits.sleep.ns")" 200000000 5 3000000
	expect_lawful r.data
}

@test "what others start is not followed" {
	start_target sleep 60
	start_attach -p "$TARGET" -d 1.5
	sleep 0.1
	/bin/true
	sleep 0.1
	status_of "$BACKGROUND" 20
	expect_equal "$(json r.json '.processes | length')" 1
	expect_lawful r.data
}

@test "kill -9 of conctrace: the target lives on, nothing stays attached, the recording can be read" {
	requires command-bpftool
	start_target bash -c 'while :; do sleep 0.01; done'
	start_attach -p "$TARGET"
	objects=$(bpf_objects "$BACKGROUND")
	(($(grep -c ^prog <<<"$objects") >= 3))
	kill -9 "$BACKGROUND"
	status_of "$BACKGROUND" 10
	expect_detached "$objects"
	kill -0 "$TARGET"
	capture "$CONCTRACE" report --json r.data
	expect_status 1
	expect_equal "$(jq -r .complete <<<"$out")" false
}

@test "its stacks have names, for what was mapped before the attach" {
	start_target "$WORKLOAD" --task cpu --form threaded --workers 2 --jobs 400
	sleep 0.2
	attach_to -p "$TARGET" -d 0.6
	expect_status 0
	grep -qE ';[a-z_]*(work|compute|job)[a-z_]*;.*\[running\] [0-9]+$' r.folded
	expect_equal "$(json r.json '[.processes[].threads[]] | length')" 3
	expect_lawful_attach
}

@test "threads that were blocked before have whole stacks" {
	requires workload-blockedchain
	start_target "$WORKLOADS/blockedchain"
	wait_until 10 grep -q blockedchain target.txt
	wait_until 10 in_state "$TARGET" S
	attach_to -p "$TARGET" -d 0.5
	expect_status 0
	grep -qE ';main;chain_reader;chain_read;([^;]*read[^;]*;)*read_\[k\];\[local\] [0-9]+$' r.folded
	grep -qE ';start_thread;on_condition;chain_waiter;chain_wait;pthread_cond_wait[^;]*;.*futex_\[k\];\[condition\] [0-9]+$' r.folded
	grep -qE ';start_thread;asleep;chain_sleeper;chain_sleep;sleep;.*nanosleep_\[k\];\[sleep\] [0-9]+$' r.folded
	! grep -qF '[no stack]' r.folded
	expect_equal "$(json r.json '[.places[].place] | sort | join(" ")')" "chain_read chain_sleep chain_wait"
	attach_to --kernel-stacks -p "$TARGET" -d 0.5
	grep -qE ';main;chain_reader;chain_read;([^;]*read[^;]*;)*[^;]*_\[k\];.*read[^;]*_\[k\];\[local\] [0-9]+$' r.folded
	expect_lawful_attach
}

@test "a folder where nothing can be written: refused, the target untouched" {
	start_target sleep 60
	capture "$CONCTRACE" attach -p "$TARGET" -d 1 -o no/such/folder/r.data
	expect_status 1
	expect_in "no/such/folder/r.data" "$err"
	kill -0 "$TARGET"
}
