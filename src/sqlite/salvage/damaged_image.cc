#include "sqlite/salvage/damaged_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/file_header.h"
#include "sqlite/open_connections.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {
namespace {

ImageLayout layout_of(const ReadBytes& file, std::uint64_t size, const LogOverlay& log) {
  std::array<std::byte, kFileHeaderSize> header{};
  if (!log.read(1, header)) file(0, header);
  const ImageLayout said = layout_from_header(header);
  if (said.page_size != 0 && (log.page_size() == 0 || log.page_size() == said.page_size)) {
    return said;
  }
  return layout_from_pages(file, size, log.page_size());
}

// Closing a descriptor of the database would drop SQLite's locks in this process.
class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { close_when_unlocked(descriptor_); }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

DamagedImage::DamagedImage(ReadBytes file, std::uint64_t size, LogOverlay log)
    : file_(std::move(file)), log_(std::move(log)), layout_(layout_of(file_, size, log_)) {
  if (layout_.page_size == 0) {
    throw Error(ErrorCode::kNotADatabase,
                "not one page of the file is an intact page of a SQLite database");
  }
  const std::uint64_t in_file = (size + layout_.page_size - 1) / layout_.page_size;
  const std::uint64_t count = log_.page_count() != 0 ? log_.page_count() : in_file;
  // A log may say any number. Pages that are in neither file are not worth a look.
  const std::uint64_t most = std::max<std::uint64_t>(
      in_file, std::min<std::uint64_t>(log_.highest_page(), in_file + log_.frames()));
  page_count_ = static_cast<PageNumber>(
      std::min({count, most, std::uint64_t{std::numeric_limits<PageNumber>::max() - 1}}));
}

bool DamagedImage::has_content(PageNumber page) const {
  return page >= 1 && page <= page_count_ && page != kLockByteOffset / layout_.page_size + 1;
}

void DamagedImage::read(PageNumber page, MutableByteView out) const {
  std::size_t got = 0;
  if (log_.read(page, out)) {
    got = out.size();
  } else {
    got = file_((std::uint64_t{page} - 1) * layout_.page_size, out);
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(got), out.end(), std::byte{0});
}

DamagedImage open_damaged_image(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT) {
      throw Error(ErrorCode::kDatabaseMissing, fmt::format("{} does not exist", path.string()));
    }
    throw system_error(errno, fmt::format("cannot open {}", path.string()));
  }
  const auto file = std::make_shared<OpenFile>(descriptor);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kNotADatabase, fmt::format("{} is no file", path.string()));
  }
  const auto real = std::filesystem::canonical(path);
  LogOverlay log(wal_path(real));
  if (status.st_size == 0 && log.page_count() == 0) {
    throw Error(ErrorCode::kDatabaseEmpty, fmt::format("{} is empty", path.string()));
  }
  const auto read = [file](std::uint64_t offset, MutableByteView out) {
    return read_some(file->get(), offset, out);
  };
  try {
    return DamagedImage(read, static_cast<std::uint64_t>(status.st_size), std::move(log));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.happened()));
  }
}

}  // namespace holdfast::sqlite
