# SPDX-License-Identifier: MIT
# To be sourced: an apt of the project's own. It reads the mirrors that this machine's apt is set up
# with, touches nothing of the machine's own lists, and does not need root.

# Every mirror of Debian that the machine's apt knows; apt's own eyes read one-line and deb822
# sources alike.
apt_mirrors() {
	apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk '$2 == "main" && $1 ~ /^(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)(-updates|-backports)?$/ &&
			!seen[$3]++ { print $3 }'
}

# apt_open FOLDER ARCHITECTURE TYPES SUITE...: makes FOLDER the apt that apt_run uses and fetches its
# lists from the first mirror that gives all of the suites. What failed is in FOLDER/log.
apt_open() {
	apt=$1 apt_architecture=$2 apt_types=$3
	shift 3
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/preferences.d"
	for apt_mirror in $(apt_mirrors); do
		{
			printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n' \
				"$apt_types" "$apt_mirror" "$*" "$apt_architecture"
			keyring=/usr/share/keyrings/debian-archive-keyring.gpg
			[ ! -e $keyring ] || printf 'Signed-By: %s\n' $keyring
		} >"$apt/own.sources"
		if apt_run apt-get -o APT::Update::Error-Mode=any update >"$apt/log" 2>&1; then
			return 0
		fi
	done
	[ -e "$apt/own.sources" ] || echo "apt on this machine has no source of Debian" >"$apt/log"
	return 1
}

apt_run() {
	apt_program=$1
	shift
	"$apt_program" -q \
		-o Dir::Etc::SourceList="$apt/own.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$apt/preferences.d" \
		-o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::Status=/dev/null \
		-o Dir::Cache="$apt/cache" -o Debug::NoLocking=1 \
		-o APT::Architecture="$apt_architecture" -o APT::Architectures="$apt_architecture" \
		-o APT::Default-Release= -o APT::Sandbox::User= -o APT::Get::List-Cleanup=false \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}
