# One Makefile for the whole tree.
#
#   make                 the three daemons, in build/release/bin
#   make check           unit and system tests of this MODE
#   make MODE=asan|tsan|cov ...   the same under a sanitizer, or for coverage
#   make unit [T=turnd/core]      unit tests, all or those below the folders T
#   make fuzz [SECONDS=60]        every parser's fuzzer (clang)
#   make fuzz-coverage            what the fuzzers' corpora reach of their parsers
#   make bench           the measurements of tests/bench
#   make run             the whole suite on loopback (deploy/up.sh without the installation)
#   make install DESTDIR= PREFIX=/usr/local
#
# A source file needs no entry here: common/*/*.c is the common archive, DAEMON/**/*.c without main.c the
# daemon's, tests/unit/**/*_test.c one program each, tests/fuzz/*.c one fuzzer each.

MODE   ?= release
OUT    ?= build/$(MODE)
CC     ?= cc
PREFIX ?= /usr/local
VERSION := 0.1.0

DAEMONS := turnd signald roomd
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(filter $(MODE),release asan tsan cov fuzz),)
$(error MODE is one of release asan tsan cov)
endif

# --- flags -------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wformat=2 -Wundef -Wvla -Wcast-qual -Wnull-dereference -Wdouble-promotion \
	-Wimplicit-fallthrough
machine := $(shell $(CC) -dumpmachine)
gcc     := $(if $(findstring clang,$(shell $(CC) --version)),,yes)
HARDEN  := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	$(if $(findstring x86_64,$(machine)),-fcf-protection)
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fprofile-instr-generate -fcoverage-mapping
OPT_release := -O2 -g $(if $(gcc),-flto=auto -ffat-lto-objects,-flto) $(HARDEN)
OPT_asan := -O1 -g $(SAN_asan)
OPT_tsan := -O1 -g $(SAN_tsan)
OPT_cov  := -O0 -g --coverage
OPT_fuzz := -O1 -g $(SAN_fuzz)

STD      := -std=c17 -D_GNU_SOURCE
CPPFLAGS += -I. -I$(OUT)/gen -DSUITE_VERSION='"$(VERSION)"'
CFLAGS_ALL := $(STD) $(WARN) $(OPT_$(MODE)) -fPIE -fno-common -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
LDFLAGS_ALL := $(OPT_$(MODE)) -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(LDFLAGS)
ifeq ($(MODE)$(gcc),release)
AR := llvm-ar$(shell $(CC) -dumpversion | sed -n 's/^\([0-9]*\).*/-\1/p')
LDFLAGS_ALL += -fuse-ld=lld
else ifeq ($(gcc),yes)
AR := gcc-ar
endif

# --- libraries, all from the distribution ------------------------------------------------------------------
have_llhttp_pkg := $(shell pkg-config --exists libllhttp 2>/dev/null && echo yes)
PKGS   := libuv libcjson hiredis $(if $(have_llhttp_pkg),libllhttp)
ifneq ($(MAKECMDGOALS),clean)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g')
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))
endif
LIBS   := $(PKG_LIBS) -lwslay -lmbedtls -lmbedx509 -lmbedcrypto -lpthread
CPPFLAGS += $(PKG_CFLAGS)
ifeq ($(have_llhttp_pkg),)
# Debian 12 ships llhttp as C source, in node-llhttp.
LLHTTP_DIR := /usr/share/llhttp
LLHTTP_OBJ := $(patsubst $(LLHTTP_DIR)/%.c,$(OUT)/llhttp/%.o,$(wildcard $(LLHTTP_DIR)/*.c))
CPPFLAGS   += -isystem /usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
endif

# --- what there is -----------------------------------------------------------------------------------------
obj      = $(patsubst %.c,$(OUT)/%.o,$(1))
COMMON_SRC := $(wildcard common/*/*.c)
turnd_SRC  := $(filter-out turnd/main.c,$(wildcard turnd/*.c turnd/*/*.c))
signald_SRC := $(filter-out signald/main.c,$(wildcard signald/*.c signald/*/*.c))
roomd_SRC  := $(filter-out roomd/main.c,$(wildcard roomd/*.c roomd/*/*.c))
ARCHIVES := $(OUT)/libcommon.a $(DAEMONS:%=$(OUT)/lib%.a)
BINARIES := $(DAEMONS:%=$(OUT)/bin/%)

UNIT_SRC  := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
UNIT_BIN  := $(patsubst %.c,$(OUT)/%,$(UNIT_SRC))
TESTLIB_SRC := $(wildcard tests/lib/*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/*.c)
FUZZ_BIN  := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(FUZZ_SRC))
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_BIN := $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(BENCH_SRC))
# Programs that system tests drive.
HELPER_SRC := $(wildcard tests/system/*.c)
HELPER_BIN := $(patsubst tests/system/%.c,$(OUT)/system/%,$(HELPER_SRC))

.PHONY: all check unit system fuzz fuzz-build fuzz-coverage bench run install clean helpers print-objects
.DELETE_ON_ERROR:
.SECONDARY:
all: $(BINARIES)

$(OUT)/bin/%: $(OUT)/%/main.o $(OUT)/lib%.a $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(OUT)/libcommon.a: $(call obj,$(COMMON_SRC)) $(LLHTTP_OBJ)
$(OUT)/libturnd.a: $(call obj,$(turnd_SRC))
$(OUT)/libsignald.a: $(call obj,$(signald_SRC))
$(OUT)/libroomd.a: $(call obj,$(roomd_SRC)) $(OUT)/gen/web_assets.o
$(ARCHIVES):
	@rm -f $@
	$(AR) rcsD $@ $^

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(OUT)/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -w -c -o $@ $<
$(OUT)/gen/%.o: $(OUT)/gen/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(OUT)/gen/web_assets.c: roomd/embed.sh $(shell find roomd/web -type f 2>/dev/null)
	@mkdir -p $(@D)
	sh roomd/embed.sh roomd/web >$@

# --- tests -------------------------------------------------------------------------------------------------
# malloc and its kin are wrapped so that tests/lib/failing_alloc can make the n-th call fail. The link-time optimiser
# must neither look into the tests (clang leaves out whole pairs of malloc and free) nor miss the wrappers.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--undefined=__wrap_malloc
$(OUT)/tests/unit/%.o $(OUT)/tests/lib/%.o: CFLAGS_ALL += -fno-lto
$(OUT)/libtest.a: $(call obj,$(TESTLIB_SRC))
	@rm -f $@
	$(AR) rcsD $@ $^
archive_of = $(foreach d,$(DAEMONS),$(if $(findstring tests/unit/$(d)/,$(1)),$(OUT)/lib$(d).a))
.SECONDEXPANSION:
$(UNIT_BIN): $(OUT)/%: $(OUT)/%.o $(OUT)/libtest.a $$(call archive_of,$$@) $(OUT)/libcommon.a
	$(CC) $(LDFLAGS_ALL) $(WRAP) -o $@ $< $(filter-out $<,$^) $(OUT)/libtest.a $(LIBS) -lcmocka

unit: $(if $(T),$(foreach t,$(T),$(filter $(OUT)/tests/unit/$(t)%,$(UNIT_BIN))),$(UNIT_BIN))
	@sh tests/run_unit.sh $^

$(OUT)/system/%: $(OUT)/tests/system/%.o $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
helpers: $(HELPER_BIN)
system: all helpers
	@sh tests/system/run.sh $(OUT) $(T)
check: unit system

# Fuzzers are clang's: `make fuzz` builds them in build/fuzz whatever MODE says.
FUZZ_OUT := $(if $(filter command line,$(origin OUT)),$(OUT)-fuzz,build/fuzz)
ifeq ($(MODE),fuzz)
$(OUT)/fuzz/%: $(OUT)/tests/fuzz/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $< $(OUT)/libturnd.a $(OUT)/libsignald.a $(OUT)/libroomd.a $(OUT)/libcommon.a $(LIBS)
fuzz-build: $(FUZZ_BIN)
else
fuzz-build:
	$(MAKE) MODE=fuzz CC=clang OUT=$(FUZZ_OUT) fuzz-build
endif
fuzz: fuzz-build
	@sh tests/fuzz/run.sh $(FUZZ_OUT) $(SECONDS)
fuzz-coverage: fuzz-build
	@sh tests/fuzz/coverage.sh $(FUZZ_OUT)

$(OUT)/bench/%: $(OUT)/tests/bench/%.o $(OUT)/libturnd.a $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
bench: all $(BENCH_BIN)
	@sh tests/bench/run.sh $(OUT)

# --- the rest ----------------------------------------------------------------------------------------------
run: all
	@sh deploy/up.sh --no-install

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf build

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
