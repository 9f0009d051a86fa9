# SPDX-License-Identifier: BSD-2-Clause
# bash completion for conctrace. tools/check-docs compares the lists with those of the program.
# shellcheck shell=bash

# "--name" for flags, "--name:TYPE" for options with a value, "-x:TYPE" for their letters.
_conctrace_options() { # VERB
	local record="--output:path -o:path --folded:path --report:path --quiet -q --json --threads:most,all
		--no-stacks --kernel-stacks --wakers --frequency:number --inlines --lines"
	local lookup="--inlines --lines --symfs:path --debuginfod"
	local everywhere="--help -h --version"
	local kinds="unknown,disk,network,local,poll,mutex,file_lock,kernel_lock,condition,join,child,ipc,sleep,fault,signal,stopped,syscall"

	kinds+=",running,ready,io,lock,sync,memory,other"

	case $1 in
	run) echo "$record --wait-all --user:user --as-root $everywhere" ;;
	attach) echo "--pid:pids -p:pids --duration:seconds -d:seconds $record $everywhere" ;;
	report) echo "--json --threads:most,all --names:full,short,raw $lookup $everywhere" ;;
	folded) echo "--cpu --wait --wakers --all --names:full,short,raw $lookup $everywhere" ;;
	flamegraph)
		echo "--output:path -o:path --cpu --wait --all --kind:set=$kinds --wakers --by:name,process,thread --names:full,short,raw --diff
			--scale:auto,none,wall,total --icicle --reverse --title:text --width:number --min-width:decimal $lookup $everywhere"
		;;
	compare | doctor) echo "--json $everywhere" ;;
	esac
}

# The type of an option's value, "" if it takes none (or is none).
_conctrace_type() { # VERB OPTION
	local option

	for option in $(_conctrace_options "$1"); do
		if [[ ${option%%:*} == "$2" && $option == *:* ]]; then
			echo "${option#*:}"
			return
		fi
	done
}

# The names that begin as the word does, as they are typed.
_conctrace_names() { # VERB WORD
	local option
	local -a names=()

	for option in $(_conctrace_options "$1"); do
		names+=("${option%%:*}")
	done
	mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$2")
}

_conctrace_files() { # WORD
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
	compopt -o filenames 2>/dev/null
}

_conctrace_value() { # TYPE WORD
	local before='' type

	case $1 in
	path) _conctrace_files "$2" ;;
	user) mapfile -t COMPREPLY < <(compgen -u -- "$2") ;;
	pids)
		[[ $2 == *,* ]] && before=${2%,*},
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$(cd /proc && echo [0-9]*)" -- "${2##*,}")
		;;
	set=*)
		[[ $2 == *,* ]] && before=${2%,*},
		type=${1#set=}
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "${type//,/ }" -- "${2##*,}")
		;;
	number | decimal | seconds | text) COMPREPLY=() ;;
	*) mapfile -t COMPREPLY < <(compgen -W "${1//,/ }" -- "$2") ;;
	esac
}

# Where the command of `run` begins in COMP_WORDS, or the number of words if it has not.
_conctrace_command_at() {
	local i word

	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--)
			echo $((i + 1))
			return
			;;
		-*)
			if [[ ${COMP_WORDS[i + 1]-} == "=" ]]; then
				i=$((i + 2)) # bash splits --name=value into three words
			elif [[ $word != *=* && $(_conctrace_type run "$word") ]]; then
				i=$((i + 1))
			fi
			;;
		*)
			echo "$i"
			return
			;;
		esac
	done
	echo "${#COMP_WORDS[@]}"
}

_conctrace() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]-} type at

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "run attach report folded flamegraph compare doctor --help --version" -- "$word")
		return
	fi

	if [[ $verb == run ]]; then
		at=$(_conctrace_command_at)
		if ((at < COMP_CWORD)); then
			# The command's own completion, where bash-completion is there to find it.
			if declare -F _command_offset >/dev/null; then
				_command_offset "$at"
			else
				_conctrace_files "$word"
			fi
			return
		fi
	fi

	if [[ $word == "=" ]]; then
		word=""
	elif [[ $before == "=" ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	type=$(_conctrace_type "$verb" "$before")
	if [[ $type ]]; then
		_conctrace_value "$type" "$word"
	elif [[ $word == -* ]]; then
		_conctrace_names "$verb" "$word"
	elif [[ $verb == run ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	elif [[ $verb == report || $verb == folded || $verb == flamegraph || $verb == compare ]]; then
		_conctrace_files "$word"
	fi
}

complete -F _conctrace conctrace
