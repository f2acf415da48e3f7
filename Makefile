# SPDX-License-Identifier: MIT
# This Makefile only forwards: Meson builds, scripts/ does the rest.

BUILD = build
PREFIX = /usr/local

.PHONY: all build setup demo bench bundle check check-long prove install clean format help

all: build

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@sh scripts/setup build
	meson setup --prefix "$(PREFIX)" $(BUILD)

# Installs what the build and every test need, and nothing when all is there.
setup:
	@sh scripts/setup check

# The tests are not built for it.
demo:
	@sh scripts/setup demo
	@[ -e $(BUILD)/build.ninja ] || meson setup --prefix "$(PREFIX)" $(BUILD)
	@ninja -C $(BUILD) src/cli/carrel
	@sh scripts/demo $(BUILD)

# How fast Carrel is, beside this Linux and qemu-riscv64; see docs/performance.md.
# BENCH='--growth', BENCH='--memory', BENCH='--paging' and BENCH='--json FILE' say more;
# BENCH='--system-kernel debian' adds qemu-system-riscv64.
bench:
	@sh scripts/setup check
	@[ -e $(BUILD)/build.ninja ] || meson setup --prefix "$(PREFIX)" $(BUILD)
	@ninja -C $(BUILD) src/cli/carrel
	@scripts/bench $(BENCH) $(BUILD)

check:
	@sh scripts/setup check
	@scripts/check

# The same with the slow tests: each prints its seed and its counts.
check-long:
	@sh scripts/setup check
	@CARREL_LONG=1 scripts/check

# The contracts in the code, by Frama-C; see docs/proof.md. PROVE='src/vm/slots.c' proves one file.
prove:
	@sh scripts/setup prove
	@scripts/prove $(PROVE)

# Carrel, a root with a compiler, and examples in one archive, for machines without network or root.
bundle:
	@sh scripts/setup bundle
	@scripts/bundle $(BUNDLE)

install: build
	meson configure $(BUILD) --prefix "$(PREFIX)"
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir "$(DESTDIR)")

clean:
	rm -rf $(BUILD) build-check build-bundle

# Only the lines that you changed: tables are laid out by hand.
format:
	git clang-format --force --extensions c,h

help:
	@echo 'make             build Carrel in $(BUILD)/'
	@echo 'make demo        set up, build, and show two programs at one address'
	@echo 'make bench       compare speed with this Linux and with qemu-riscv64'
	@echo 'make bundle      one archive with Carrel, a root, a compiler and examples'
	@echo 'make check       set up, and run all tests'
	@echo 'make check-long  the same, with the slow tests'
	@echo 'make prove       set up Frama-C, and prove the contracts in the code'
	@echo 'make install     install under PREFIX ($(PREFIX)), DESTDIR is honoured'
	@echo 'make setup       install what the build and the tests need, no more'
	@echo 'make format      clang-format the lines that you changed'
	@echo 'make clean       remove what was built'
