# SPDX-License-Identifier: MIT
# A thin front for Meson. `make` only builds. `make run`, `make test` and `make bench` also install
# what they need where they may: on Debian, as root.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 20

all:
	@tools/deps.sh --check build
	@tools/build.sh build

run:
	@tools/deps.sh run
	@tools/build.sh build
	@tools/demo.sh

test:
	@tools/deps.sh test
	@tools/test.sh

test-quick:
	@tools/deps.sh --check quick
	@tools/build.sh build
	@meson test -C build --print-errorlogs --suite unit --suite golden

bench:
	@tools/deps.sh bench
	@tools/build.sh build
	@bench/run.sh

coverage:
	@tools/deps.sh test
	@tools/coverage.sh

fuzz:
	@tools/deps.sh test
	@tools/fuzz.sh $(FUZZ_SECONDS)

format:
	@clang-format -i $$(find src include tests bench -name '*.[ch]')

# What is made from the sources and committed.
docs:
	@tools/build.sh build
	@build/sallyport explain --markdown >docs/findings.md.new
	@mv docs/findings.md.new docs/findings.md
	@python3 tools/xen-versions.py . >docs/xen-versions.md.new
	@mv docs/xen-versions.md.new docs/xen-versions.md
	@python3 tools/pci-rules.py . >docs/pci-rules.md.new
	@mv docs/pci-rules.md.new docs/pci-rules.md
	@python3 tools/dependencies.py . >docs/dependencies.md.new
	@mv docs/dependencies.md.new docs/dependencies.md
	@python3 tools/predictions.py . >docs/predictions.md.new
	@mv docs/predictions.md.new docs/predictions.md
	@python3 tools/predictions-x86.py . >docs/predictions-x86.md.new
	@mv docs/predictions-x86.md.new docs/predictions-x86.md

install:
	@tools/deps.sh --check build
	@tools/build.sh build -Dprefix=$(PREFIX)
	@meson install -C build --no-rebuild

clean:
	@rm -rf build build-*

.PHONY: all run test test-quick bench coverage fuzz format docs install clean
