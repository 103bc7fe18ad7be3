#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that the manuals and the completions know the options that the program knows, and no others.
set -u
program=$1
root=$2
attach=$(realpath "$3")
serve=$(realpath "$4")
control=$(realpath "$5")
bad=0

# The programs behind verbs are found where they would be installed.
SALLYPORT_LIBEXEC=$(mktemp -d)
export SALLYPORT_LIBEXEC
trap 'rm -r "$SALLYPORT_LIBEXEC"' EXIT
ln -s "$attach" "$SALLYPORT_LIBEXEC/attach"
ln -s "$attach" "$SALLYPORT_LIBEXEC/detach"
ln -s "$serve" "$SALLYPORT_LIBEXEC/serve"
for verb in ps top screenshot control; do
	ln -s "$control" "$SALLYPORT_LIBEXEC/$verb"
done
ln -s "$(realpath "$root")/conformance/conformance" "$SALLYPORT_LIBEXEC/conformance"

for verb in list plan check doctor snapshot attach detach serve ps top screenshot control conformance explain; do
	known=$("$program" $verb --help | sed -n 's/^  \(-[a-zA-Z], \)\{0,1\}--\([a-z0-9-]*\).*/\2/p' | sort)
	[ "$(printf '%s\n' "$known" | wc -l)" -ge 2 ] || {
		echo "the help of $verb could not be read"
		exit 1
	}
	page=$root/man/sallyport-$verb.1.scd
	written=$(grep '^\*-' "$page" | grep -o '\*--[a-z0-9-]*\*' | tr -d '*' | sed 's/^--//' | sort)
	if [ "$known" != "$written" ]; then
		echo "$page and the help of $verb differ in:" $(printf '%s\n%s\n' "$known" "$written" | sort | uniq -u)
		bad=1
	fi
	for option in $known; do
		for file in sallyport.bash _sallyport; do
			grep -q -e "--$option\b" "$root/completions/$file" || {
				echo "completions/$file lacks --$option"
				bad=1
			}
		done
		grep -q -e "-l $option\b" "$root/completions/sallyport.fish" || {
			echo "completions/sallyport.fish lacks --$option"
			bad=1
		}
	done
done
exit $bad
