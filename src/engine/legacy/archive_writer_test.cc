#include "engine/legacy/archive_writer.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/error.h"
#include "base/progress.h"
#include "base/test_errors.h"
#include "engine/legacy/archive_copy.h"
#include "engine/legacy/file_format.h"
#include "env/temporary_directory.h"

namespace holdfast::engine {
namespace {

constexpr Time kMoment{std::chrono::seconds{1'760'000'000}};

class ArchiveWriting : public testing::Test {
 protected:
  using Contents = std::map<std::string, std::string>;

  std::string text_of(const env::Path& path) {
    return std::string(as_text(env::read_file(files, path)));
  }
  env::Path write(const std::string& name, const Contents& contents) {
    const env::Path path = directory / name;
    const auto file = files.create(path);
    ArchiveWriter writer(*file);
    for (const auto& [member, content] : contents) {
      writer.begin(member, content.size(), kMoment);
      for (std::size_t at = 0; at < content.size(); at += kPiece) {
        writer.add(as_bytes(std::string_view(content).substr(at, kPiece)));
      }
      writer.add({});
    }
    writer.finish();
    EXPECT_EQ(writer.bytes(), file->size());
    return path;
  }
  Contents read(const env::Path& path) {
    const env::Path folder = directory / "unpacked";
    files.make_directories(folder);
    const UnpackedArchive archive = unpack_archive(files, path, folder, {}, no_progress());
    EXPECT_EQ("", archive.damage);
    Contents contents;
    for (const ArchiveMember& member : archive.members) {
      contents[member.name] = text_of(member.file);
    }
    return contents;
  }

  static constexpr std::size_t kPiece = 1000;
  env::TemporaryDirectory directory;
  env::FileSystem& files = env::posix_file_system();
};

TEST_F(ArchiveWriting, WhatIsWrittenIsRead) {
  const Contents contents = {{"empty", ""},
                             {"a block", std::string(512, 'b')},
                             {"more than a block", std::string(513, 'c')},
                             {"folder/many", std::string(3'000'000, 'd')},
                             {std::string(100, 'e'), "a name of a hundred"},
                             {std::string(101, 'f'), "a name of one more"},
                             {std::string(255, 'g'), "the longest name of a file"},
                             {"Bücher.db", "ü"}};
  EXPECT_EQ(contents, read(write("archive", contents)));
}

TEST_F(ArchiveWriting, AnArchiveOfNothingIsOne) {
  const env::Path path = write("archive", {});
  EXPECT_EQ(FileFormat::kArchive, detect_kind(text_of(path)).format);
  EXPECT_TRUE(read(path).empty());
}

TEST_F(ArchiveWriting, TheSameCallsWriteTheSameBytes) {
  const Contents contents = {{"a", std::string(100'000, 'a')}, {"b", "b"}};
  EXPECT_EQ(text_of(write("one", contents)), text_of(write("other", contents)));
}

TEST_F(ArchiveWriting, ASizeThatEightDigitsCannotHoldIsWrittenInBinary) {
  constexpr std::uint64_t kSize = std::uint64_t{9} << 30;
  const auto file = files.create(directory / "archive");
  ArchiveWriter writer(*file);
  writer.begin("large", kSize, kMoment);
  // So that the beginning comes out of zlib.
  for (int i = 0; i < 100; ++i) writer.add(Bytes(1 << 20, std::byte{7}));
  const Bytes packed = env::read_file(files, directory / "archive");
  std::string header(512, '\0');
  z_stream stream{};
  ASSERT_EQ(Z_OK, inflateInit2(&stream, 15 + 16));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(header.data());
  stream.avail_out = static_cast<uInt>(header.size());
  EXPECT_EQ(Z_OK, inflate(&stream, Z_NO_FLUSH));
  inflateEnd(&stream);
  EXPECT_EQ(std::string("\x80\0\0\0\0\0\0\x02\x40\0\0\0", 12), header.substr(124, 12));
}

TEST_F(ArchiveWriting, WhatIsNotAsItsHeaderSaysIsRefused) {
  const auto file = files.create(directory / "archive");
  ArchiveWriter writer(*file);
  writer.begin("a", 3, kMoment);
  EXPECT_EQ(ErrorCode::kInternal, code_of([&] { writer.add(as_bytes("abcd")); }));
  writer.add(as_bytes("ab"));
  EXPECT_EQ(ErrorCode::kInternal, code_of([&] { writer.begin("b", 0, kMoment); }));
  EXPECT_EQ(ErrorCode::kInternal, code_of([&] { writer.finish(); }));
}

}  // namespace
}  // namespace holdfast::engine
