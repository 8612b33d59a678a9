#include "engine/legacy/archive_copy.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kArchivePiece = std::size_t{1} << 16;

Error refused_archive(std::string what) {
  return Error(ErrorCode::kRecordInvalid, std::move(what));
}

struct ArchiveCloser {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

// What libarchive reads from: the file, unpacked if it is one of gzip. libarchive would unpack it,
// too, but does not compare the checksum.
class ArchiveSource {
 public:
  explicit ArchiveSource(std::unique_ptr<env::File> file)
      : file_(std::move(file)), packed_(kArchivePiece), plain_(kArchivePiece) {
    constexpr int kGzipWindow = 15 + 16;
    std::array<std::byte, 2> magic{};
    gzip_ = file_->read_at(0, magic) == magic.size() && magic[0] == std::byte{0x1F} &&
            magic[1] == std::byte{0x8B};
    if (gzip_ && inflateInit2(&stream_, kGzipWindow) != Z_OK) {
      throw Error(ErrorCode::kInternal, "zlib has no memory");
    }
  }
  ~ArchiveSource() {
    if (gzip_) inflateEnd(&stream_);
  }
  ArchiveSource(const ArchiveSource&) = delete;
  ArchiveSource& operator=(const ArchiveSource&) = delete;

  std::uint64_t size() const { return file_->size(); }
  const std::string& failure() const { return failure_; }

  // Empty at the end. Throws what the file throws, and kRecordInvalid for damage, once what is
  // before it was given.
  ByteView next() {
    if (!gzip_) return packed();
    stream_.next_out = reinterpret_cast<Bytef*>(plain_.data());
    stream_.avail_out = static_cast<uInt>(plain_.size());
    while (stream_.avail_out > 0 && !ended_ && damage_.empty()) {
      if (stream_.avail_in == 0) {
        const ByteView more = packed();
        if (more.empty()) {
          damage_ = "its gzip data are cut off";
          break;
        }
        // It only reads them.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(more.data()));
        stream_.avail_in = static_cast<uInt>(more.size());
      }
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        ended_ = !begins_another();
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        damage_ = "its gzip data are damaged";
      }
    }
    // After what is before the damage.
    if (stream_.avail_out == plain_.size() && !damage_.empty()) throw refused_archive(damage_);
    return ByteView(plain_).first(plain_.size() - stream_.avail_out);
  }

  static la_ssize_t read(archive* handle, void* self, const void** data) {
    auto& source = *static_cast<ArchiveSource*>(self);
    try {
      const ByteView piece = source.next();
      *data = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    } catch (const Error& error) {
      source.failure_ = error.happened();
      archive_set_error(handle, EIO, "cannot be read");
      return ARCHIVE_FATAL;
    }
  }

 private:
  ByteView packed() {
    const std::size_t size = file_->read_at(at_, packed_);
    at_ += size;
    return ByteView(packed_).first(size);
  }

  // Files of gzip may be joined; what else follows one is left alone, as gzip does.
  bool begins_another() {
    if (stream_.avail_in == 0) {
      const ByteView more = packed();
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(more.data()));
      stream_.avail_in = static_cast<uInt>(more.size());
    }
    return stream_.avail_in > 0 && *stream_.next_in == 0x1F && inflateReset(&stream_) == Z_OK;
  }

  std::unique_ptr<env::File> file_;
  std::uint64_t at_ = 0;
  Bytes packed_, plain_;
  bool gzip_ = false, ended_ = false;
  z_stream stream_{};
  std::string damage_, failure_;
};

std::string name_of(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  return name == nullptr ? std::string() : name;
}

void refuse_dangerous(archive_entry* entry) {
  const std::string name = name_of(entry);
  const env::Path path(name);
  if (name.empty() || path.is_absolute() ||
      std::ranges::find(path, env::Path("..")) != path.end()) {
    throw refused_archive(fmt::format("its entry \"{}\" leads out of it", name.substr(0, 200)));
  }
  const bool link =
      archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
  const auto type = archive_entry_filetype(entry);
  if (link || (type != AE_IFREG && type != AE_IFDIR)) {
    throw refused_archive(
        fmt::format("its entry \"{}\" is a link or a device", name.substr(0, 200)));
  }
}

class Unpacking {
 public:
  Unpacking(env::FileSystem& files, const env::Path& path, const env::Path& folder,
            const ArchiveLimits& limits, Progress& progress)
      : files_(files),
        folder_(folder),
        limits_(limits),
        progress_(progress),
        source_(files.open_read(path)),
        most_(std::max(limits.bytes, source_.size() * limits.ratio)) {
    handle_.reset(archive_read_new());
    if (!handle_) throw Error(ErrorCode::kInternal, "libarchive has no memory");
    archive_read_support_format_tar(handle_.get());
    if (archive_read_open(handle_.get(), &source_, nullptr, &ArchiveSource::read, nullptr) !=
        ARCHIVE_OK) {
      damaged();
    }
  }

  UnpackedArchive run() {
    std::uint64_t entries = 0;
    while (result_.damage.empty()) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(handle_.get(), &entry);
      if (status == ARCHIVE_EOF) {
        read_to_end();
        break;
      }
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
        damaged();
        break;
      }
      if (++entries > limits_.entries) throw refused_archive("it has too many entries");
      refuse_dangerous(entry);
      if (archive_entry_filetype(entry) == AE_IFREG) unpack(entry);
    }
    return std::move(result_);
  }

 private:
  // The checksum is behind the last entry.
  void read_to_end() {
    try {
      for (std::uint64_t rest = 0; rest <= most_;) {
        const std::size_t size = source_.next().size();
        if (size == 0) return;
        rest += size;
        progress_.advance(0);
      }
      throw refused_archive("there is too much behind its end");
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      result_.damage = error.happened();
    }
  }

  void damaged() {
    const char* said = archive_error_string(handle_.get());
    result_.damage = !source_.failure().empty()
                         ? source_.failure()
                         : fmt::format("the archive is damaged: {}", said == nullptr ? "?" : said);
  }

  void unpack(archive_entry* entry) {
    ArchiveMember member{.name = name_of(entry),
                         .file = folder_ / fmt::format("member-{}", result_.members.size())};
    const auto file = files_.create(member.file);
    std::uint64_t end = 0;
    for (;;) {
      const void* data = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(handle_.get(), &data, &size, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
        damaged();
        break;
      }
      const auto at = static_cast<std::uint64_t>(offset);
      // Holes of a sparse file count as well.
      if (offset < 0 || at > most_ || total_ + at + size > most_) {
        throw refused_archive(fmt::format(
            "it unpacks to more than {} bytes, which its size does not explain", most_));
      }
      file->write_at(at, {static_cast<const std::byte*>(data), size});
      end = std::max(end, at + size);
      progress_.advance(0);
    }
    total_ += end;
    result_.members.push_back(std::move(member));
  }

  env::FileSystem& files_;
  const env::Path folder_;
  const ArchiveLimits limits_;
  Progress& progress_;
  ArchiveSource source_;
  const std::uint64_t most_;
  std::unique_ptr<archive, ArchiveCloser> handle_;
  std::uint64_t total_ = 0;
  UnpackedArchive result_;
};

}  // namespace

UnpackedArchive unpack_archive(env::FileSystem& files, const env::Path& archive,
                               const env::Path& folder, const ArchiveLimits& limits,
                               Progress& progress) {
  return Unpacking(files, archive, folder, limits, progress).run();
}

}  // namespace holdfast::engine
