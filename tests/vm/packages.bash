# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Packages of any Debian or Ubuntu release, for any machine, to be unpacked and not installed: by an apt of our own, so that this
# system's sources, lists and packages stay as they are. Sourced by fetch-kernel and fetch-libraries.

# ubuntu-keyring 2021.03.26, which has the key that Ubuntu 22.04 is signed with (F6ECB376 2474EDA9 D21B7022 871920D1 991BC93C):
# Debian has no package of it, so it comes from the archive that it is to vouch for, and is known by its hash.
UBUNTU_KEYRING_SHA256=0d0e7ed6b112f5d03eabf3c7eb01ebdacf9c57714b279e90495cfc58c8c4520f

# Where debian, debian-security or ubuntu is: $DEBIAN_MIRROR or $UBUNTU_MIRROR, else as this system's own sources name it, else as
# debootstrap knows it.
mirror_of() { # NAME ARCH
	local named

	case $1 in
	ubuntu) named=${UBUNTU_MIRROR:-} ;;
	*) named=${DEBIAN_MIRROR:+${DEBIAN_MIRROR%/debian}/$1} ;;
	esac
	# Ubuntu's machines are in two places; this system's own are its own machine's.
	if [[ ! $named && ! ($1 == ubuntu && $2 != "$(dpkg --print-architecture)") ]]; then
		named=$(grep -rhoE "https?://[^ ]+/$1/?( |\$)" /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1)
	fi
	if [[ ! $named && $1 == ubuntu && -r /usr/share/debootstrap/scripts/jammy ]]; then
		named=$(debootstrap_mirror "$2")
	fi
	if [[ ! $named && $1 == debian-security ]]; then
		named=$(mirror_of debian "$2") && named=${named%/debian}/debian-security
	fi
	named=${named%% *}
	[[ $named ]] && echo "${named%/}"
}

# debootstrap's script of a release is a list of calls; the one that names the mirror is asked.
debootstrap_mirror() { # ARCH
	# shellcheck disable=SC2034,SC2317 # the script uses them
	(
		ARCH=$1 SUITE=jammy
		default_mirror() { echo "$1"; }
		mirror_style() { :; }
		download_style() { :; }
		finddebs_style() { :; }
		variants() { :; }
		keyring() { exit 0; }
		# shellcheck source=/dev/null
		. /usr/share/debootstrap/scripts/jammy
	)
}

# An apt of our own under DIR, for ARCH, with these suites; its lists are fetched. It is used with "${APT[@]}".
private_apt() { # DIR ARCH NAME/SUITE...
	local dir=$1 arch=$2 entry mirror signed

	shift 2
	mkdir -p "$dir"/{lists,cache,archives}/partial "$dir/empty" || return 1
	: >"$dir/status"
	APT=(-qq -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::Etc::sourcelist=$dir/sources.list"
		-o "Dir::Etc::sourceparts=$dir/empty" -o "Dir::Etc::preferencesparts=$dir/empty" -o "Dir::State::Lists=$dir/lists"
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" -o "Dir::Cache::archives=$dir/archives"
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=1 -o Acquire::http::Timeout=30)
	: >"$dir/sources.list"
	for entry; do
		if ! mirror=$(mirror_of "${entry%%/*}" "$arch"); then
			echo "no mirror of ${entry%%/*} is named in this system's apt sources" >&2
			return 1
		fi
		case $entry in
		ubuntu/*)
			signed=/usr/share/keyrings/ubuntu-archive-keyring.gpg
			[[ -r $signed ]] || signed=$(ubuntu_keyring "$dir" "$mirror") || return 1
			;;
		*) signed=/usr/share/keyrings/debian-archive-keyring.gpg ;;
		esac
		echo "deb [arch=$arch signed-by=$signed] $mirror ${entry#*/} main" >>"$dir/sources.list"
	done
	if ! apt-get "${APT[@]}" update || ! compgen -G "$dir/lists/*Packages*" >/dev/null; then
		echo "apt-get update failed for $*" >&2
		return 1
	fi
}

ubuntu_keyring() { # DIR MIRROR
	local dir=$1/keyring deb sum _

	if [[ ! -r $dir/usr/share/keyrings/ubuntu-archive-keyring.gpg ]]; then
		mkdir -p "$dir/partial" "$dir/lists/partial"
		echo "deb [trusted=yes] $2 jammy main" >"$dir/sources.list"
		(
			cd "$dir" || exit 1
			apt=("${APT[@]}" -o "Dir::Etc::sourcelist=$dir/sources.list" -o "Dir::State::Lists=$dir/lists")
			apt-get "${apt[@]}" update && apt-get "${apt[@]}" download ubuntu-keyring
		) >"$dir/log" 2>&1
		deb=$(compgen -G "$dir/ubuntu-keyring_*.deb")
		read -r sum _ < <(sha256sum "${deb:-/dev/null}")
		if [[ $sum != "$UBUNTU_KEYRING_SHA256" ]]; then
			echo "the archive's ubuntu-keyring could not be had, or is not the one that is known" >&2
			return 1
		fi
		dpkg-deb -x "$deb" "$dir" || return 1
	fi
	echo "$dir/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}

# Unpacks packages into ROOT.
unpack_packages() { # DIR ROOT PACKAGE...
	local dir=$1 root=$2 deb

	shift 2
	rm -rf "$dir/debs" "$root"
	mkdir -p "$dir/debs" "$root" || return 1
	(cd "$dir/debs" && apt-get "${APT[@]}" download "$@") || return 1
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$root" || return 1
	done
	rm -rf "$dir/debs"
}
