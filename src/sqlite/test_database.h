// What the tests of this folder share: databases made from SQL, whole images of a source, and other
// processes, since SQLite's locks are per process.
#ifndef HOLDFAST_SQLITE_TEST_DATABASE_H_
#define HOLDFAST_SQLITE_TEST_DATABASE_H_

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/test_errors.h"
#include "env/temporary_directory.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

using Path = std::filesystem::path;

// Runs `sql` on a connection of its own and answers the first column of the first row of the last
// statement.
inline std::string run_sql(const Path& path, const std::string& sql) {
  sqlite3* handle = nullptr;
  std::string answer;
  char* message = nullptr;
  sqlite3_open(path.c_str(), &handle);
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0] == nullptr ? "" : values[0];
    return 0;
  };
  if (sqlite3_exec(handle, sql.c_str(), keep, &answer, &message) != SQLITE_OK) {
    ADD_FAILURE() << sql << ": " << message;
  }
  sqlite3_free(message);
  sqlite3_close(handle);
  return answer;
}

inline std::string file_content(const Path& path) {
  // In one read: character by character takes minutes under a sanitizer.
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::string content(static_cast<std::size_t>(file.tellg()), '\0');
  file.seekg(0).read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

inline void write_content(const Path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

inline std::set<std::string> names_in(const Path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// The current view, read in runs of `run` pages.
inline std::string image_of(PageSource& source, PageNumber run = 64) {
  const auto [page_size, page_count] = source.geometry();
  std::string image(std::size_t{page_size} * page_count, '?');
  const MutableByteView bytes = std::as_writable_bytes(std::span(image));
  for (PageNumber done = 0; done < page_count; done += run) {
    const PageNumber count = std::min(run, page_count - done);
    source.read(done + 1,
                bytes.subspan(std::size_t{done} * page_size, std::size_t{count} * page_size));
  }
  return image;
}

// What the image says when SQLite opens it as a database.
inline std::string ask_image(const Path& directory, const std::string& image,
                             const std::string& sql) {
  const Path copy = directory / "image.db";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    std::filesystem::remove(copy.string() + suffix);
  }
  write_content(copy, image);
  return run_sql(copy, sql);
}

// A Python program, spoken to by lines.
class OtherProcess {
 public:
  explicit OtherProcess(const std::string& program, std::vector<std::string> arguments = {}) {
    int to_child[2], from_child[2];
    EXPECT_EQ(::pipe2(to_child, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(from_child, O_CLOEXEC), 0);
    std::vector<std::string> words{"python3", "-u", "-c", program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(to_child[0], 0);
      ::dup2(from_child[1], 1);
      ::execv("/usr/bin/python3", argv.data());
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    input_ = to_child[1];
    output_ = ::fdopen(from_child[0], "r");
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { stop(SIGKILL); }

  void send(const std::string& line) {
    const std::string text = line + "\n";
    EXPECT_EQ(::write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string receive() {
    char* line = nullptr;
    std::size_t capacity = 0;
    const auto length = ::getline(&line, &capacity, output_);
    std::string text(line, length > 0 ? static_cast<std::size_t>(length) - 1 : 0);
    std::free(line);
    return text;
  }
  // With SIGKILL at once, with 0 when it has read all its input.
  void stop(int signal) {
    if (pid_ == 0) return;
    if (signal != 0) ::kill(pid_, signal);
    ::close(input_);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    std::fclose(output_);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
  std::FILE* output_ = nullptr;
};

// Another process with one connection, executing a line of SQL at a time.
class OtherConnection : public OtherProcess {
 public:
  explicit OtherConnection(const Path& path) : OtherProcess(kProgram, {path.string()}) {}

  // Answers "ok" and the rows, as Python writes them, or "error" and why.
  std::string run(const std::string& sql) {
    send(sql);
    return receive();
  }

 private:
  static constexpr char kProgram[] = R"(
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
db.execute("PRAGMA synchronous=OFF")
for line in sys.stdin:
    try:
        print("ok", db.execute(line).fetchall())
    except Exception as error:
        print("error", error)
)";
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TEST_DATABASE_H_
