#!/bin/sh
# Installs what `ninja` has built. DESTDIR and prefix come from the environment; prefix is /usr/local if not given.
#
# SPDX-License-Identifier: MIT
set -eu

prefix=${prefix:-/usr/local}
to=${DESTDIR:-}$prefix
built=build/release

case $prefix in
    /*) ;;
    *) echo "install: prefix is where it will be found from anywhere, not '$prefix'" >&2; exit 2 ;;
esac

# install_files MODE FOLDER FILE...
install_files() {
    mode=$1 folder=$to/$2
    shift 2
    install -d "$folder"
    install -m "$mode" "$@" "$folder"
}

install_files 644 include/callgate callgate.h
install_files 644 include/callgate/runtime runtime/mem.h runtime/region.h runtime/heap.h runtime/hooks.h runtime/runtime.h
install_files 644 include/callgate/bridge bridge/bridge.h bridge/decls.h bridge/direct.h bridge/async.h bridge/handle.h \
    bridge/check.h bridge/stub.h bridge/trace.h
install_files 644 include/callgate/bridge/arch/x86_64 bridge/arch/x86_64/inline.h

install_files 644 lib $built/libcallgate.a
install_files 755 lib $built/libcallgate.so.0.1.0
ln -sf libcallgate.so.0.1.0 "$to/lib/libcallgate.so.0"
ln -sf libcallgate.so.0 "$to/lib/libcallgate.so"
install_files 644 lib/callgate $built/hooks/fault.o $built/hooks/limit.o $built/hooks/sanitizer.o $built/hooks/trace.o \
    runtime/callgate-gdb.py
install -d "$to/lib/pkgconfig"
sed "s|@prefix@|$prefix|" callgate.pc.in >"$to/lib/pkgconfig/callgate.pc"

install_files 755 bin $built/cgen $built/callgate-lua
install_files 644 share/man/man1 cgen/cgen.1 examples/lua/callgate-lua/callgate-lua.1
install_files 755 lib/lua/5.4 $built/lua/callgate.so
for version in 5.3 5.2 5.1; do
    install_files 755 lib/lua/$version $built/lua$version/callgate.so
done

# The loader finds the library by the system's cache, if that is where it went: not with DESTDIR, nor as a user's own.
if [ -z "${DESTDIR:-}" ] && [ -w /etc/ld.so.cache ]; then
    PATH=$PATH:/usr/sbin:/sbin ldconfig
fi
