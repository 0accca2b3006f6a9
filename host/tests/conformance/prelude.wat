;; What every guest of the suite starts with: the imports, and words for what
;; the checks do often. Two more parts follow: how a guest starts and tells of a
;; failed check, with a function $tell, and its own text, with a function $main.
;;
;; Memory: 0 one buffer (pointer, length), 8 the count of bytes, 12 a descriptor,
;; 16 the count of events, 20 flags, 32 a stat, 128 text, 1024 data, 65536 subscriptions,
;; 98304 events. Four pages in all: 262144 bytes.

(import "wasi_snapshot_preview1" "fd_advise" (func $fd_advise (param i32 i64 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
(import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_datasync" (func $fd_datasync (param i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_fdstat_set_rights" (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
(import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
(import "wasi_snapshot_preview1" "fd_filestat_set_times" (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_filestat_set_times" (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
(import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "sock_shutdown" (func $sock_shutdown (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))

(memory (export "memory") 4)
(global $check (mut i32) (i32.const 0))

;; Ends the guest, with its number and what it got, where a check does not hold.
(func $is (param $got i32) (param $wanted i32)
  (global.set $check (i32.add (global.get $check) (i32.const 1)))
  (if (i32.ne (local.get $got) (local.get $wanted))
    (then (call $tell
      (i32.or (i32.shl (global.get $check) (i32.const 16))
              (i32.and (local.get $got) (i32.const 0xffff)))))))

(func $buffer (param $at i32) (param $length i32)
  (i32.store (i32.const 0) (local.get $at))
  (i32.store (i32.const 4) (local.get $length)))
(func $count (result i32) (i32.load (i32.const 8)))
(func $byte (param $at i32) (result i32) (i32.load8_u (local.get $at)))

;; Sends the data at 1024.
(func $send (param $fd i32) (param $length i32) (result i32)
  (call $buffer (i32.const 1024) (local.get $length))
  (call $sock_send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))

;; Receives to 1024.
(func $receive (param $fd i32) (param $length i32) (param $flags i32) (result i32)
  (call $buffer (i32.const 1024) (local.get $length))
  (call $sock_recv (local.get $fd) (i32.const 0) (i32.const 1) (local.get $flags) (i32.const 8) (i32.const 20)))

;; Accepts from descriptor 3.
(func $accept (param $flags i32) (result i32)
  (call $sock_accept (i32.const 3) (local.get $flags) (i32.const 12)))
(func $accepted (result i32) (i32.load (i32.const 12)))

;; The subscription with this index; its userdata is 100 and the index.
(func $subscription (param $index i32) (param $tag i32) (result i32) (local $at i32)
  (local.set $at (i32.add (i32.const 65536) (i32.mul (local.get $index) (i32.const 48))))
  (memory.fill (local.get $at) (i32.const 0) (i32.const 48))
  (i64.store (local.get $at) (i64.extend_i32_u (i32.add (local.get $index) (i32.const 100))))
  (i32.store8 offset=8 (local.get $at) (local.get $tag))
  (local.get $at))
(func $on_read (param $index i32) (param $fd i32)
  (i32.store offset=16 (call $subscription (local.get $index) (i32.const 1)) (local.get $fd)))
(func $on_write (param $index i32) (param $fd i32)
  (i32.store offset=16 (call $subscription (local.get $index) (i32.const 2)) (local.get $fd)))
(func $on_clock (param $index i32) (param $id i32) (param $nanoseconds i64) (param $flags i32) (local $at i32)
  (local.set $at (call $subscription (local.get $index) (i32.const 0)))
  (i32.store offset=16 (local.get $at) (local.get $id))
  (i64.store offset=24 (local.get $at) (local.get $nanoseconds))
  (i32.store16 offset=40 (local.get $at) (local.get $flags)))
;; A monotonic clock, from now on.
(func $after (param $index i32) (param $milliseconds i64)
  (call $on_clock (local.get $index) (i32.const 1)
    (i64.mul (local.get $milliseconds) (i64.const 1000000)) (i32.const 0)))

(func $poll (param $count i32) (result i32)
  (call $poll_oneoff (i32.const 65536) (i32.const 98304) (local.get $count) (i32.const 16)))
(func $events (result i32) (i32.load (i32.const 16)))
(func $event (param $place i32) (result i32)
  (i32.add (i32.const 98304) (i32.mul (local.get $place) (i32.const 32))))
;; Which subscription the event in this place is for.
(func $for (param $place i32) (result i32)
  (i32.sub (i32.load (call $event (local.get $place))) (i32.const 100)))
(func $error (param $place i32) (result i32) (i32.load16_u offset=8 (call $event (local.get $place))))
(func $type (param $place i32) (result i32) (i32.load8_u offset=10 (call $event (local.get $place))))
(func $nbytes (param $place i32) (result i32) (i32.load offset=16 (call $event (local.get $place))))
(func $flags (param $place i32) (result i32) (i32.load16_u offset=24 (call $event (local.get $place))))
