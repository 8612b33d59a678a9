// A VFS that is SQLite's own, but hands a write-ahead log's frames to the system in large pieces: a
// frame takes two calls otherwise, of 24 bytes and of a page.
#ifndef HOLDFAST_SQLITE_GATHERED_LOG_H_
#define HOLDFAST_SQLITE_GATHERED_LOG_H_

namespace holdfast::sqlite {

// The name of the VFS, which is registered at the first call. Only for connections with synchronous
// = FULL or EXTRA: what was gathered is written before the sync of a commit, and only after that
// sync do others see the frames.
const char* gathered_log_vfs();

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_GATHERED_LOG_H_
