/* Preloaded into the program under test: makes the files below one folder fail or be slow, and the
 * wall clock jump, as a mapped file says that the test may change at any moment.
 *   CHAOS_FAULTS  the mapped file: struct faults below
 *   CHAOS_FOLDER  the folder, without a slash at its end
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct faults {
  int32_t fail_permille; /* of the calls that begin a request */
  int32_t error;         /* their errno */
  int32_t delay_us;      /* before each of them */
  int32_t where;    /* one of the places below */
  int64_t clock_us; /* added to the wall clock */
};

/* Below the folder. In those from kWritten on, reads and writes fail too, as a disk would have it. */
static const char *const places[] = {"", "/repository", "/cache", "/database", "/spool"};
enum { kPlaces = sizeof places / sizeof places[0], kWritten = 3 };

static volatile struct faults *faults;
static const char *folder;
static size_t folder_length;
static uint64_t drawn = 88172645463325252u;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("CHAOS_FAULTS");
  folder = getenv("CHAOS_FOLDER");
  if (path == NULL || folder == NULL) return;
  folder_length = strlen(folder);
  const int handle = open(path, O_RDWR | O_CLOEXEC);
  if (handle < 0) return;
  void *at = mmap(NULL, sizeof(struct faults), PROT_READ, MAP_SHARED, handle, 0);
  close(handle);
  if (at != MAP_FAILED) faults = at;
  drawn ^= (uint64_t)getpid() * 2654435761u;
}

static int below(const char *path) {
  return strncmp(path, folder, folder_length) == 0 &&
         (path[folder_length] == '/' || path[folder_length] == 0);
}

/* Whether it is read from, made or found, or changed. */
enum use { kReading, kOpening, kChanging, kSyncing };

/* A full disk lets everything be read, and one that is read-only everything be synced, too. */
static int suffers(enum use use, int32_t error, int32_t where) {
  if (where >= kWritten && (error == ENOSPC || error == EROFS)) return use == kChanging;
  return 1;
}

/* 0, or -1 with errno: the call is not to be made. */
static int request(const char *path, enum use use) {
  if (faults == NULL || path == NULL || !below(path)) return 0;
  const int32_t where = faults->where % kPlaces;
  if (where < kWritten && (use == kReading || use == kChanging)) return 0;
  const char *place = places[where];
  if (strncmp(path + folder_length, place, strlen(place)) != 0) return 0;
  const int32_t error = faults->error;
  const int32_t delay = faults->delay_us;
  if (delay > 0 && (where < kWritten || use == kSyncing)) usleep((useconds_t)delay);
  const int32_t rate = faults->fail_permille;
  if (rate == 0 || !suffers(use, error, where)) return 0;
  uint64_t x = __atomic_load_n(&drawn, __ATOMIC_RELAXED);
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  __atomic_store_n(&drawn, x, __ATOMIC_RELAXED);
  if ((int32_t)(x % 1000) >= rate) return 0;
  errno = error;
  return -1;
}

static int request_of_handle(int handle, enum use use) {
  if (faults == NULL || (faults->fail_permille == 0 && faults->delay_us == 0)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return request(path, use);
}

static enum use use_of(int flags) {
  const int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
  if (faults == NULL || faults->where < kWritten) return kOpening;
  /* What exists can be opened on a full disk. */
  return changes && faults->error == EROFS ? kChanging : kOpening;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  static __typeof__(&open) real;
  if (real == NULL) real = REAL(open);
  if (request(path, use_of(flags)) != 0) return -1;
  return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  static __typeof__(&open64) real;
  if (real == NULL) real = REAL(open64);
  if (request(path, use_of(flags)) != 0) return -1;
  return real(path, flags, mode);
}

int fsync(int handle) {
  static __typeof__(&fsync) real;
  if (real == NULL) real = REAL(fsync);
  return request_of_handle(handle, kSyncing) != 0 ? -1 : real(handle);
}

int fdatasync(int handle) {
  static __typeof__(&fdatasync) real;
  if (real == NULL) real = REAL(fdatasync);
  return request_of_handle(handle, kSyncing) != 0 ? -1 : real(handle);
}

#define WRITES(name)                                                                  \
  ssize_t name(int handle, const void *bytes, size_t size, off_t at) {                \
    static __typeof__(&name) real;                                                    \
    if (real == NULL) real = REAL(name);                                              \
    return request_of_handle(handle, kChanging) != 0 ? -1 : real(handle, bytes, size, at); \
  }
WRITES(pwrite)
WRITES(pwrite64)

#define READS(name)                                                                   \
  ssize_t name(int handle, void *bytes, size_t size, off_t at) {                      \
    static __typeof__(&name) real;                                                    \
    if (real == NULL) real = REAL(name);                                              \
    return request_of_handle(handle, kReading) != 0 ? -1 : real(handle, bytes, size, at); \
  }
READS(pread)
READS(pread64)

int rename(const char *from, const char *to) {
  static __typeof__(&rename) real;
  if (real == NULL) real = REAL(rename);
  return request(to, use_of(O_RDWR)) != 0 ? -1 : real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  static __typeof__(&renameat2) real;
  if (real == NULL) real = REAL(renameat2);
  return request(to, use_of(O_RDWR)) != 0 ? -1 : real(from_folder, from, to_folder, to, flags);
}

DIR *opendir(const char *path) {
  static __typeof__(&opendir) real;
  if (real == NULL) real = REAL(opendir);
  return request(path, kOpening) != 0 ? NULL : real(path);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static __typeof__(&clock_gettime) real;
  if (real == NULL) real = REAL(clock_gettime);
  const int result = real(clock, now);
  if (result == 0 && faults != NULL && clock == CLOCK_REALTIME && faults->clock_us != 0) {
    int64_t nanoseconds = (int64_t)now->tv_nsec + (faults->clock_us % 1000000) * 1000;
    now->tv_sec += faults->clock_us / 1000000;
    if (nanoseconds < 0) nanoseconds += 1000000000, now->tv_sec -= 1;
    if (nanoseconds >= 1000000000) nanoseconds -= 1000000000, now->tv_sec += 1;
    now->tv_nsec = nanoseconds;
  }
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
