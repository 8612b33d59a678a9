// What a bucket with versions had first: an object that was put again has its first content still.
#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "storage/object_name.h"
#include "storage/s3/s3_answers.h"
#include "storage/s3/s3_store.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMostVersionsListing = 16 << 20;

// Of the versions of one object, which come newest first: the oldest one since it was removed last.
class FirstOfEach {
 public:
  using Found = std::function<void(const ListedVersion&)>;
  explicit FirstOfEach(Found found) : found_(std::move(found)) {}

  void add(ListedVersion version) {
    if (version.key != key_) {
      flush();
      key_ = version.key;
      removed_ = false;
    }
    removed_ = removed_ || version.removal;
    if (removed_) return;
    const bool newest = !first_;
    first_ = std::move(version);
    if (newest) first_->version.clear();  // what anybody gets who names none
  }
  void flush() {
    if (first_) found_(*first_);
    first_.reset();
  }

 private:
  Found found_;
  std::string key_;
  bool removed_ = false;
  std::optional<ListedVersion> first_;
};

}  // namespace

// Where the service knows no versions, or does not let them be listed, there are none.
void S3Store::list_first(std::string_view prefix, const FirstVisitor& visit) {
  try {
    list_first_versions(prefix, visit);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported && error.code() != ErrorCode::kPermissionDenied) {
      throw;
    }
    Store::list_first(prefix, visit);
  }
}

void S3Store::list_first_versions(std::string_view prefix, const FirstVisitor& visit) {
  if (options_.listing_lag.count() > 0) clock_.wait(options_.listing_lag, {});  // as in list()
  const std::string root = options_.prefix.empty() ? std::string() : options_.prefix + "/";
  const std::string below = root + std::string(prefix);
  FirstOfEach first([&](const ListedVersion& version) {
    const std::string_view name = std::string_view(version.key).substr(root.size());
    if (!is_legal_object_name(name)) return;
    visit(name, {.size = version.size, .modified = version.modified}, version.version);
  });
  VersionsPage page;
  do {
    std::vector<std::pair<std::string, std::string>> query = {
        {"encoding-type", "url"}, {"prefix", below}, {"versions", ""}};
    if (!page.next_key.empty()) query.emplace_back("key-marker", page.next_key);
    if (!page.next_version.empty()) query.emplace_back("version-id-marker", page.next_version);
    const auto before = std::pair(page.next_key, page.next_version);
    std::optional<VersionsPage> next;
    client_.send(
        {.method = "GET",
         .key = {},
         .query = std::move(query),
         .most_bytes = kMostVersionsListing,
         .doing = fmt::format("list the versions of {}", prefix)},
        {200}, [&](const env::HttpAnswer& answer) -> std::string {
          next = parse_versions_page(as_text(answer.body));
          if (!next) return "it is no list of versions";
          if (!next->next_key.empty() && std::pair(next->next_key, next->next_version) == before) {
            return "its list has no end";
          }
          for (const ListedVersion& version : next->versions) {
            if (!version.key.starts_with(below)) return "it lists what was not asked for";
          }
          return {};
        });
    page = *std::move(next);
    for (ListedVersion& version : page.versions) first.add(std::move(version));
  } while (!page.next_key.empty());
  first.flush();
}

void S3Store::get_first(std::string_view name, const std::string& version, std::uint64_t offset,
                        MutableByteView out) {
  get_part(name, version, offset, out);
}

}  // namespace holdfast::storage
