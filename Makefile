# libmaru: GNU make. `make help` lists the targets; products lie in .build/.

MODE ?= release
WERROR ?= 0
DEPS ?= 1
V ?= 0
DESTDIR ?=
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
TRACE ?= $(wildcard ../shared/data/conversation_trace.jsonl)
TEST_TIMEOUT ?= 120
STRESS_TIME ?= 30
CRASH ?=
FUZZ_TIME ?= 60
FUZZ_TOTAL ?=
ifeq ($(origin CC),default)
CC := gcc
endif

NPROC := $(or $(shell nproc 2>/dev/null),1)
JOBS ?= $(NPROC)
# One command line, all cores; but clean and what follows it keep their order.
ifeq ($(MAKELEVEL)$(filter clean uninstall,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(NPROC)
endif

, := ,
empty :=
space := $(empty) $(empty)
BUILD := .build/$(MODE)-$(subst $(space),_,$(notdir $(CC)))

# What we need ---------------------------------------------------------------

LIB_PKGS := libpmem2 libdaxctl liburcu-bp libxxhash libisal libsodium blkid \
	jansson numa
DEB := gcc libc6-dev make pkg-config libpmem2-dev libdaxctl-dev liburcu-dev \
	check libxxhash-dev libisal-dev libsodium-dev libblkid-dev \
	libjansson-dev libnuma-dev
DEB_VM := qemu-system-x86 busybox-static cpio kmod ndctl daxctl e2fsprogs \
	xz-utils
DEB_CI := g++ clang clang-format libclang-rt-14-dev mandoc spin abigail-tools \
	universal-ctags

# Asked on first use, not while reading: `make check` may install them first.
once = $(eval $(1) := $(shell $(2)))$($(1))
PKG_CFLAGS = $(call once,PKG_CFLAGS,pkg-config --cflags $(LIB_PKGS))
PKG_LIBS = $(call once,PKG_LIBS,\
	echo $$(pkg-config --libs $(LIB_PKGS)) -lm -pthread)
CHECK_CFLAGS = $(call once,CHECK_CFLAGS,pkg-config --cflags check)
CHECK_LIBS = $(call once,CHECK_LIBS,pkg-config --libs check)

# Flags ------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef
ifeq ($(WERROR),1)
WARN += -Werror
endif

MODE_release := -O2 -g
MODE_debug := -Og -g
MODE_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
MODE_ubsan := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
MODE_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
MODE_cov := -O0 -g --coverage
MODE_fuzz := -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-fsanitize-coverage=inline-8bit-counters,pc-table
ifndef MODE_$(MODE)
$(error MODE=$(MODE): use release debug asan ubsan tsan cov)
endif

MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null || \
	uname -m)))
ARCH := $(if $(wildcard lib/arch/$(MACHINE)),$(MACHINE),generic)

override BASE_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(MODE_$(MODE)) $(WARN)
LIB_CFLAGS = $(BASE_CFLAGS) -fPIC -fno-semantic-interposition \
	-Iinclude -Ilib $(PKG_CFLAGS) $(CFLAGS)
TEST_CFLAGS = $(BASE_CFLAGS) -Iinclude -Ilib -Itests $(PKG_CFLAGS) \
	$(CHECK_CFLAGS) $(CFLAGS)
USER_CFLAGS = $(BASE_CFLAGS) -Iinclude $(CFLAGS)
LINK = $(CC) $(MODE_$(MODE)) -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(LDFLAGS)

# What there is ----------------------------------------------------------------

ROOMS := base arch dev media slab dir client cache hook
LIB_SRC := $(foreach r,$(ROOMS),$(wildcard lib/$(r)/*.c)) \
	$(wildcard lib/arch/$(ARCH)/*.c)
HEADERS := $(wildcard include/maru.h include/maru/*.h)
# programs in a folder: all its sources but the common ones
programs = $(filter-out $(1)/common%,$(wildcard $(1)/$(2)))
TOOL_SRC := $(call programs,tools,maru-*.c)
BENCH_SRC := $(call programs,bench,*.c)
EXAMPLE_SRC := $(call programs,tests/examples,*.c)
CHECK_SRC := $(wildcard tests/check_*.c)
STRESS_SRC := $(wildcard tests/stress_*.c)
CRASH_SRC := $(wildcard tests/crash_*.c)
HOSTILE_SRC := tests/stress_hostile.c tests/check_hostile.c
WRAP_SRC := $(wildcard tests/check_dax_pool*.c tests/check_prefault.c)
FUZZ_SRC := $(wildcard tests/fuzz_*.c)
VM_SRC := $(call programs,tests/vm,*.c)
PLUGIN_SRC := $(wildcard plugins/*.c)
SHELL_TESTS := $(wildcard tests/*.sh)
PAGES := $(wildcard man/*.[1-8])

objs = $(patsubst %.c,$(BUILD)/%.o,$(1))
bins = $(patsubst %.c,$(BUILD)/%,$(1))
common = $(call objs,$(wildcard $(1)/common*.c))
LIB_OBJ := $(call objs,$(LIB_SRC))
TOOLS := $(call bins,$(TOOL_SRC))
BENCHES := $(call bins,$(BENCH_SRC))
EXAMPLES := $(call bins,$(EXAMPLE_SRC))
CHECKS := $(call bins,$(CHECK_SRC))
STRESSES := $(call bins,$(STRESS_SRC))
CRASHES := $(call bins,$(CRASH_SRC))
FUZZERS := $(call bins,$(FUZZ_SRC))
VM_PROGRAMS := $(call bins,$(VM_SRC))
PLUGINS := $(patsubst %.c,$(BUILD)/%.so,$(PLUGIN_SRC))
STATIC := $(BUILD)/libmaru.a
SHARED := $(BUILD)/libmaru.so.0

VERSION := $(or $(shell sed -n \
	's/^.define[ \t]*MARU_VERSION[A-Z_]*[ \t]*"\([0-9.]*\)".*/\1/p' \
	include/maru/version.h 2>/dev/null | head -n 1),0.1.0)

ifeq ($(V),0)
Q := @
say = @printf '  %-8s%s\n' $(1) $(patsubst $(BUILD)/%,%,$@)
endif
test_env = BUILD='$(CURDIR)/$(BUILD)' CC='$(CC)' MODE='$(MODE)' \
	PATH="$(CURDIR)/$(BUILD)/tools:$$PATH" JOBS=$(1) TEST_TIMEOUT=$(2)

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all lib tools plugins examples bench-programs bench check check-run \
	check-programs demo demo-run stress stress-hostile stress-programs crash \
	crash-programs model model-full fuzz fuzz-run weaken mutants \
	vm-programs check-vm check-two-hosts deps-vm deps-vm-if-needed \
	lint format deps deps-ci deps-if-needed install uninstall clean help \
	FORCE

all: lib tools plugins bench-programs ## library, tools, plugins and benchmarks
lib: $(STATIC) $(BUILD)/libmaru.so ## libmaru.a and libmaru.so
tools: $(TOOLS) ## the maru-* programs
plugins: $(PLUGINS) ## loadable policies and hooks
bench-programs: $(BENCHES) ## the benchmark programs
examples: $(EXAMPLES)
check-programs: $(CHECKS)
stress-programs: $(STRESSES)
crash-programs: $(CRASHES)
vm-programs: $(VM_PROGRAMS)

# Objects ----------------------------------------------------------------------

# Rewritten only when it changes, so that what depends on it is made anew then.
define stamp
@mkdir -p $(@D)
@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
	printf '%s\n' '$(subst ','\'',$(1))' > $@
endef

$(BUILD)/cflags: FORCE
	$(call stamp,$(CC) $(LIB_CFLAGS) $(CHECK_CFLAGS))
$(BUILD)/ldflags: FORCE
	$(call stamp,$(LINK) $(PKG_LIBS) $(CHECK_LIBS) $(LIB_OBJ))

define compile
$(call say,CC)
@mkdir -p $(@D)
$(Q)$(CC) $(1) -MMD -MP -c -o $@ $<
endef

# The longest match wins: tests/examples/ before tests/.
$(BUILD)/lib/%.o: lib/%.c $(BUILD)/cflags
	$(call compile,$(LIB_CFLAGS))
$(BUILD)/tests/examples/%.o: tests/examples/%.c $(BUILD)/cflags
	$(call compile,$(USER_CFLAGS))
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/cflags
	$(call compile,$(TEST_CFLAGS))
$(BUILD)/tools/%.o: tools/%.c $(BUILD)/cflags
	$(call compile,$(USER_CFLAGS) -DMARU_TOOL_VERSION='"$(VERSION)"')
$(BUILD)/bench/%.o: bench/%.c $(BUILD)/cflags
	$(call compile,$(USER_CFLAGS))
$(BUILD)/plugins/%.o: plugins/%.c $(BUILD)/cflags
	$(call compile,$(USER_CFLAGS) -fPIC)
$(BUILD)/plugins/%.so: $(BUILD)/plugins/%.o $(BUILD)/ldflags
	$(call say,LINK)
	$(Q)$(LINK) -shared -o $@ $<

# Libraries --------------------------------------------------------------------

# One relocatable object in which only the public names are global.
$(STATIC): $(LIB_OBJ) $(BUILD)/ldflags
	$(call say,AR)
	$(Q)$(LD) -r -o $(BUILD)/libmaru.o $(LIB_OBJ)
	$(Q)objcopy --wildcard --keep-global-symbol='maru_*' $(BUILD)/libmaru.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/libmaru.o

$(SHARED): $(LIB_OBJ) lib/libmaru.map $(BUILD)/ldflags
	$(call say,LINK)
	$(Q)$(LINK) -shared -Wl,-soname,libmaru.so.0 \
		-Wl,--version-script=lib/libmaru.map -o $@ $(LIB_OBJ) $(PKG_LIBS)

$(BUILD)/libmaru.so: $(SHARED)
	$(Q)ln -sf libmaru.so.0 $@

# Programs ---------------------------------------------------------------------

# $(1) program source, $(2) objects and archives it is linked with, $(3) -l...
define program
$(call bins,$(1)): $(call objs,$(1)) $(2) $(BUILD)/ldflags
	$$(call say,LINK)
	$$(Q)$$(LINK) -o $$@ $(call objs,$(1)) $(2) $(3)
endef
each = $(foreach s,$(1),$(eval $(call program,$(s),$(2),$(3))))

$(call each,$(TOOL_SRC),$(call common,tools) $(STATIC),$$(PKG_LIBS))
$(call each,$(BENCH_SRC),$(call common,bench) $(STATIC),$$(PKG_LIBS))
$(call each,$(EXAMPLE_SRC),$(call common,tests/examples) $(STATIC),$$(PKG_LIBS))
# Tests see the inner names, which the libraries hide.
$(call each,$(filter-out $(HOSTILE_SRC) $(WRAP_SRC),\
	$(CHECK_SRC) $(STRESS_SRC) $(CRASH_SRC) $(VM_SRC)),\
	$(call common,tests) $(LIB_OBJ),$$(CHECK_LIBS) $$(PKG_LIBS))
# A made-up device has a memfd's bytes; a made-up kernel its own errors.
$(call each,$(WRAP_SRC),$(call common,tests) $(LIB_OBJ),\
	-Wl$$(,)--wrap=dev_dax_open -Wl$$(,)--wrap=madvise \
	$$(CHECK_LIBS) $$(PKG_LIBS))
# Those that damage a pool have fences around its mapping: common_fuzz_guard.c.
FENCES := -Wl$$(,)--wrap=mmap -Wl$$(,)--wrap=munmap
$(call each,$(HOSTILE_SRC),$(call common,tests) $(LIB_OBJ),\
	$(FENCES) $$(CHECK_LIBS) $$(PKG_LIBS))
# Without the engine they replay what is kept in tests/corpus.
FUZZ_MAIN := $(if $(filter fuzz,$(MODE)),,$(call objs,tests/replay.c))
$(call each,$(FUZZ_SRC),$(FUZZ_MAIN) $(call common,tests) \
	$(call common,tools) $(LIB_OBJ),\
	$(if $(FUZZ_MAIN),,-fsanitize=fuzzer) $(FENCES) \
	$$(CHECK_LIBS) $$(PKG_LIBS))

# Runs -------------------------------------------------------------------------

check: deps-if-needed ## build all and run every test: MODE=asan|ubsan|tsan|cov
	+@$(MAKE) --no-print-directory check-run

check-run: all check-programs stress-programs crash-programs examples $(FUZZERS)
	@$(call test_env,$(JOBS),$(TEST_TIMEOUT)) \
		tests/run $(CHECKS) $(EXAMPLES) $(FUZZERS) $(SHELL_TESTS)

# 77 says on stderr why they cannot run here.
check-vm: deps-vm-if-needed check-programs stress-programs tools bench-programs \
		vm-programs ## the suites on real DAX devices under QEMU: VM=kinds
	@BUILD='$(CURDIR)/$(BUILD)' VM='$(VM)' tests/vm/run || [ $$? = 77 ]

check-two-hosts: deps-vm-if-needed tools bench-programs vm-programs ## two virtual hosts, one pool
	@BUILD='$(CURDIR)/$(BUILD)' tests/vm/scenarios || [ $$? = 77 ]

demo: deps-if-needed ## replay a request trace in three processes: TRACE=file
	+@$(MAKE) --no-print-directory demo-run

demo-run: tools $(BUILD)/bench/replay
	@PATH="$(CURDIR)/$(BUILD)/tools:$$PATH" $(BUILD)/bench/replay --demo \
		$(if $(TRACE),--trace '$(TRACE)')

bench: bench-programs tools ## build and run the benchmarks
	@if [ -x bench/run ]; then \
		$(call test_env,$(JOBS),$(TEST_TIMEOUT)) bench/run; \
	else echo 'no bench/run; programs are in $(BUILD)/bench'; fi

stress: stress-programs tools ## kill and race the library: STRESS_TIME=seconds each
	@STRESS_TIME=$(STRESS_TIME) \
	$(call test_env,1,$$(($(STRESS_TIME) + $(TEST_TIMEOUT)))) \
		tests/run $(STRESSES)

stress-hostile: $(BUILD)/tests/stress_hostile ## somebody writes into the pool
	@STRESS_TIME=$(STRESS_TIME) \
	$(call test_env,1,$$(($(STRESS_TIME) + $(TEST_TIMEOUT)))) tests/run $<

crash: crash-programs ## die at every instruction: CRASH=full for all of them
	@set -e; rc=0; for p in $(CRASHES); do echo "== $${p##*/}"; \
		CRASH='$(CRASH)' $$p || [ $$? = 77 ] || rc=1; done; exit $$rc

model: ## check the Promela models of the protocols
	@$(call test_env,$(JOBS),$(TEST_TIMEOUT)) tests/model/run

model-full: ## the largest searches too: an hour, several gigabytes each
	@$(call test_env,$(JOBS),0) tests/model/run full

weaken: ## weaken each memory order: ThreadSanitizer must notice
	@BUILD='$(BUILD)' CC='$(CC)' tests/order/weaken

mutants: ## break the rules of lib/ one by one: a test must fail: MUTANTS=quick
	@BUILD='$(BUILD)' CC='$(CC)' MUTANTS='$(MUTANTS)' tests/mutants/run

fuzz: ## fuzz with clang: FUZZ_TIME=seconds each, or FUZZ_TOTAL= for all
	+@$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzz-run

fuzz-run: $(FUZZERS)
	@BUILD='$(CURDIR)/$(BUILD)' JOBS=$(JOBS) FUZZ_TIME=$(FUZZ_TIME) \
	FUZZ_TOTAL=$(FUZZ_TOTAL) tests/fuzz-run $(FUZZERS)

lint: $(BUILD)/libmaru.so ## house rules: floors, symbols, sizes, pages, ...
	@BUILD='$(CURDIR)/$(BUILD)' CC='$(CC)' tests/lint/all

format: ## lay out the C files with clang-format
	@find include lib plugins tools tests bench -name '*.[ch]' -print0 | \
		xargs -0r clang-format -i

# Packages ---------------------------------------------------------------------

# $(1) packages. Root or sudo installs; anybody else is told what to type.
define apt
@set -e; need=; for p in $(1); do \
	dpkg-query -W -f='$${db:Status-Abbrev}' $$p 2>/dev/null | \
	grep -q '^ii' || need="$$need $$p"; done; \
[ -n "$$need" ] || exit 0; \
line="apt-get install -y --no-install-recommends$$need"; sudo=; \
if [ "$$(id -u)" != 0 ]; then \
	if sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; } \
	then sudo=sudo; \
	else echo "packages are missing; as root type:" >&2; \
		echo "  apt-get update && $$line" >&2; exit 1; fi; fi; \
if ! command -v apt-get >/dev/null; then \
	echo "no apt-get here; install these by hand:$$need" >&2; exit 1; fi; \
echo "installing:$$need"; \
apt() { $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq \
	-o Dpkg::Use-Pty=0 "$$@" </dev/null >/dev/null; }; \
set -- install -y --no-install-recommends $$need; \
{ ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 && apt "$$@" 2>/dev/null; } \
	|| { apt update; apt "$$@"; } || { \
	echo "could not install; as root type:" >&2; \
	echo "  apt-get update && $$line" >&2; exit 1; }
endef

deps: ## install the Debian packages the build needs
	$(call apt,$(DEB))

deps-ci: deps ## install what lint, fuzzing and CI use besides
	$(call apt,$(DEB_CI))

deps-vm: ## install what the virtual machines need, and fetch their kernel
	$(call apt,$(DEB_VM))
	@tests/vm/setup || [ $$? = 77 ]

# Without them check-vm says what is missing.
deps-vm-if-needed:
	+@[ '$(DEPS)' = 0 ] || { command -v qemu-system-x86_64 ndctl cpio && \
		command -v busybox; } >/dev/null || \
		$(MAKE) --no-print-directory deps-vm || true

deps-if-needed:
	+@[ '$(DEPS)' = 0 ] || { pkg-config --exists $(LIB_PKGS) check && \
		echo '#include <stdio.h>' | $(CC) -E -o /dev/null -; } \
		>/dev/null 2>&1 || $(MAKE) --no-print-directory deps

# Installation -----------------------------------------------------------------

install: lib tools plugins ## copy to $(DESTDIR)$(PREFIX)
	$(Q)install -d '$(DESTDIR)$(INCLUDEDIR)/maru' '$(DESTDIR)$(BINDIR)' \
		'$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(MANDIR)'
	$(Q)install -m 644 include/maru.h '$(DESTDIR)$(INCLUDEDIR)'
	$(Q)install -m 644 include/maru/*.h '$(DESTDIR)$(INCLUDEDIR)/maru'
	$(Q)install -m 644 $(STATIC) '$(DESTDIR)$(LIBDIR)'
	$(Q)install -m 755 $(SHARED) \
		'$(DESTDIR)$(LIBDIR)/libmaru.so.$(VERSION)'
	$(Q)ln -sf libmaru.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libmaru.so.0'
	$(Q)ln -sf libmaru.so.0 '$(DESTDIR)$(LIBDIR)/libmaru.so'
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@PRIVATE@|$(strip $(PKG_LIBS))|' lib/libmaru.pc.in \
		> '$(DESTDIR)$(LIBDIR)/pkgconfig/libmaru.pc'
	$(Q)chmod 644 '$(DESTDIR)$(LIBDIR)/pkgconfig/libmaru.pc'
	$(if $(TOOLS),$(Q)install -m 755 $(TOOLS) '$(DESTDIR)$(BINDIR)')
	$(if $(PLUGINS),$(Q)install -d '$(DESTDIR)$(LIBDIR)/maru' && \
		install -m 755 $(PLUGINS) '$(DESTDIR)$(LIBDIR)/maru')
	$(Q)for p in $(PAGES); do \
		install -D -m 644 $$p "$(DESTDIR)$(MANDIR)/man$${p##*.}/$${p##*/}"; \
	done
	$(Q)[ -n '$(DESTDIR)' ] || ldconfig 2>/dev/null || true

uninstall: ## remove what install put there
	$(Q)rm -rf '$(DESTDIR)$(INCLUDEDIR)/maru' '$(DESTDIR)$(LIBDIR)/maru'
	$(Q)rm -f '$(DESTDIR)$(INCLUDEDIR)/maru.h' \
		'$(DESTDIR)$(LIBDIR)'/libmaru.a '$(DESTDIR)$(LIBDIR)'/libmaru.so* \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/libmaru.pc'
	$(Q)for t in $(notdir $(TOOLS)); do rm -f "$(DESTDIR)$(BINDIR)/$$t"; done
	$(Q)for p in $(PAGES); do \
		rm -f "$(DESTDIR)$(MANDIR)/man$${p##*.}/$${p##*/}"; done

clean: ## remove .build
	$(Q)rm -rf .build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | \
		awk -F'\t' '{ printf "%-16s%s\n", $$1, $$2 }'
	@echo; echo 'variables: MODE=release|debug|asan|ubsan|tsan|cov CC=gcc|clang'
	@echo '  WERROR=1 V=1 DEPS=0 JOBS= TRACE= DESTDIR= PREFIX= CFLAGS= LDFLAGS='
	@echo '  TEST_TIMEOUT= STRESS_TIME= FUZZ_TIME= FUZZ_TOTAL= (seconds) CRASH=full'

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(call objs,$(PLUGIN_SRC) \
	$(TOOL_SRC) $(BENCH_SRC) $(EXAMPLE_SRC) $(CHECK_SRC) $(STRESS_SRC) \
	$(CRASH_SRC) $(FUZZ_SRC) $(VM_SRC) tests/replay.c) \
	$(foreach d,tools bench tests tests/examples,$(call common,$(d))))
