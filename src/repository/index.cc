#include "repository/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kIndexPrefix = "index/";
constexpr std::string_view kPacksFolder = "packs/";
constexpr int kListings = 8;

// A pack in the store.
struct PresentPack {
  PackId id;
  std::uint64_t size = 0;
  bool settled = false;  // an index object lists it, or it is to be left out
};

// Sorted by id.
std::vector<PresentPack> list_packs(storage::Store& store) {
  std::vector<PresentPack> packs;
  store.list(kPacksFolder, [&](std::string_view name, const storage::ObjectStatus& status) {
    if (const auto id = pack_of(name)) packs.push_back({.id = *id, .size = status.size});
  });
  if (!std::ranges::is_sorted(packs, {}, &PresentPack::id)) {
    std::ranges::sort(packs, {}, &PresentPack::id);
  }
  return packs;
}

}  // namespace

void IndexOutput::add(PackDescription pack) {
  if (blobs_ > 0 && blobs_ + pack.entries.size() > kMostIndexBlobs) put();
  blobs_ += pack.entries.size();
  content_.packs.push_back(std::move(pack));
}

void IndexOutput::put() {
  ObjectId id;
  codec::random_bytes(id.bytes);
  const std::string name = fmt::format("{}{}", kIndexPrefix, id.hex());
  const Bytes content = serialize(std::exchange(content_, {}));
  repository_->store().put(
      name, seal_document(repository_->keys().documents, DocumentKind::kIndex, name, content));
  blobs_ = 0;
  ++objects_;
}

std::size_t IndexOutput::finish() {
  if (!content_.packs.empty() || !content_.withdrawn.empty()) put();
  return objects_;
}

void put_index(const Repository& repository, IndexContent content) {
  IndexOutput output(repository);
  for (const WithdrawnBlob& blob : content.withdrawn) output.add(blob);
  for (PackDescription& pack : content.packs) output.add(std::move(pack));
  output.finish();
}

void Index::add(PackDescription pack) {
  IndexContent content;
  content.packs.push_back(std::move(pack));
  if (!has_pack(content.packs.front().id)) add(std::make_shared<const IndexPart>(content));
}

void Index::add(std::shared_ptr<const IndexPart> part, std::vector<bool> hidden) {
  const auto number = static_cast<std::uint32_t>(parts_.size());
  for (std::uint32_t pack = 0; pack < part->pack_count(); ++pack) {
    if (!hidden.empty() && hidden[pack]) continue;
    packs_.push_back({.part = number, .pack = pack});
    blob_count_ += part->pack_blobs(pack);
  }
  const std::uint64_t end = numbers() + part->blob_count();
  parts_.push_back({.content = std::move(part), .hidden = std::move(hidden), .end = end});
}

template <typename Stop>
void Index::visit(const BlobId& id, const Stop& stop) const {
  bool stopped = false;
  for (const Part& part : parts_) {
    part.content->visit(id, [&](std::uint32_t number, const PlacedEntry& entry) {
      const std::uint32_t pack = part.content->pack_of(number);
      const PackId& pack_id = part.content->pack_id(pack);
      if (part.hides(pack)) return false;
      if (!withdrawn_.empty() && withdrawn_.contains({pack_id, id})) return false;
      return stopped = stop(pack_id, entry);
    });
    if (stopped) return;
  }
}

std::vector<BlobLocation> Index::find(const BlobId& id) const {
  std::vector<BlobLocation> found;
  visit(id, [&](const PackId& pack, const PlacedEntry& entry) {
    found.push_back({.entry = entry.blob, .pack = pack, .offset = entry.offset});
    return false;
  });
  return found;
}

bool Index::contains(const BlobId& id) const {
  bool found = false;
  visit(id, [&](const PackId&, const PlacedEntry&) { return found = true; });
  return found;
}

bool Index::holds_all(const PackDescription& pack) const {
  return std::ranges::all_of(pack.entries,
                             [&](const BlobEntry& entry) { return contains(entry.id); });
}

std::optional<Index::PackNumber> Index::find_pack(const PackId& id) const {
  for (std::uint32_t part = 0; part < parts_.size(); ++part) {
    const auto pack = parts_[part].content->find_pack(id);
    if (pack && !parts_[part].hides(*pack)) return PackNumber{.part = part, .pack = *pack};
  }
  return std::nullopt;
}

std::optional<PackDescription> Index::pack(const PackId& id) const {
  const auto found = find_pack(id);
  if (!found) return std::nullopt;
  return parts_[found->part].content->pack(found->pack);
}

std::size_t Index::digest_position(const BlobLocation& location) const {
  const PackNumber number = find_pack(location.pack).value();
  return parts_[number.part].content->digest_position(number.pack, location.offset);
}

std::optional<std::uint64_t> Index::number(const BlobId& id) const {
  std::optional<std::uint64_t> found;
  for (const Part& part : parts_) {
    part.content->visit(id, [&](std::uint32_t number, const PlacedEntry&) {
      found = part.first() + number;
      return true;
    });
    if (found) break;
  }
  return found;
}

BlobId Index::id_of(std::uint64_t number) const {
  const auto part = std::ranges::upper_bound(parts_, number, {}, &Part::end);
  return part->content->entry(static_cast<std::uint32_t>(number - part->first())).blob.id;
}

namespace {

// One loading of an index.
class Loading {
 public:
  Loading(const Repository& repository, const IndexLoading& loading)
      : repository_(repository), loading_(loading) {}

  LoadedIndex run();

 private:
  bool is_left_out(const Error& error) const {
    return error.code() == ErrorCode::kDamagedObject ||
           (loading_.despite_io_errors && error.code() == ErrorCode::kIo);
  }
  void read_objects();
  bool read_listed(const std::set<std::string>& names);
  std::shared_ptr<const IndexPart> read(const std::string& name);
  PresentPack* present(const PackId& id);
  void add(IndexObject& object);
  void adopt_unlisted();

  const Repository& repository_;
  const IndexLoading& loading_;
  std::map<std::string, std::shared_ptr<const IndexPart>> seen_;  // null for what cannot be read
  std::vector<PresentPack> present_;
  std::map<PackId, PackDescription> lost_;
  LoadedIndex loaded_;
};

// Each stage of an object goes before the next but one is made: a large one is several times in
// memory otherwise.
std::shared_ptr<const IndexPart> Loading::read(const std::string& name) {
  IndexMemory& memory = *repository_.index_memory();
  if (!loading_.anew) {
    if (auto known = memory.find(name)) return known;
  }
  Bytes bytes = repository_.store().get(name);
  bytes = open_document(repository_.keys().documents, DocumentKind::kIndex, name, bytes);
  const IndexContent content = parse_index(bytes);
  bytes = {};
  auto part = std::make_shared<const IndexPart>(content);
  memory.note(name, part);
  return part;
}

// False if one of them is gone.
bool Loading::read_listed(const std::set<std::string>& names) {
  bool complete = true;
  for (const std::string& name : names) {
    if (seen_.contains(name)) continue;
    try {
      seen_[name] = read(name);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) {
        complete = false;
      } else if (is_left_out(error)) {
        seen_[name] = nullptr;
      } else {
        throw;
      }
    }
  }
  return complete;
}

// Where one is gone it was merged into another, which was put before, so a new listing has it. Only
// where listings lag behind is there no end to it; then the packs themselves say what is in them.
void Loading::read_objects() {
  std::set<std::string> names;
  for (int listing = 0; listing < kListings; ++listing) {
    names.clear();
    repository_.store().list(
        kIndexPrefix,
        [&](std::string_view name, const storage::ObjectStatus&) { names.emplace(name); });
    if (read_listed(names)) break;
  }
  repository_.index_memory()->keep_only(names);
  for (const std::string& name : names) {
    const auto found = seen_.find(name);
    if (found == seen_.end()) continue;
    if (found->second == nullptr) {
      loaded_.unreadable.push_back(name);
    } else {
      loaded_.objects.push_back({.name = name, .content = std::move(found->second)});
    }
  }
}

PresentPack* Loading::present(const PackId& id) {
  const auto found = std::ranges::lower_bound(present_, id, {}, &PresentPack::id);
  return found == present_.end() || found->id != id ? nullptr : &*found;
}

void Loading::add(IndexObject& object) {
  const IndexPart& part = *object.content;
  std::vector<bool> hidden(part.pack_count());
  bool hides = false;
  for (std::uint32_t number = 0; number < part.pack_count(); ++number) {
    const PackId& id = part.pack_id(number);
    PresentPack* const pack = present(id);
    const bool excepted = loading_.except.contains(id);
    const bool listed = pack != nullptr && pack->settled;  // by another object
    const bool lost =
        !excepted && !listed && (pack == nullptr || pack->size != part.pack_size(number));
    if (!excepted && !listed && !lost) {
      pack->settled = true;
      continue;
    }
    hidden[number] = hides = true;
    if (excepted) ++loaded_.left_out;
    if (lost) lost_.insert_or_assign(id, part.pack(number));
    if (excepted || lost) object.whole = false;
  }
  if (!hides) hidden.clear();
  loaded_.index.add(object.content, std::move(hidden));
  for (const WithdrawnBlob& blob : part.withdrawn()) loaded_.index.withdraw(blob);
}

void Loading::adopt_unlisted() {
  IndexContent adopted;
  for (const auto& [id, size, settled] : present_) {
    if (settled || loading_.except.contains(id) || lost_.contains(id)) continue;
    try {
      adopted.packs.push_back(read_directory(repository_.store(), repository_.keys(), id, size));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // pruned meanwhile
      if (!is_left_out(error)) throw;
      loaded_.unreadable_packs.push_back(pack_name(id));
    }
  }
  if (adopted.packs.empty()) return;
  loaded_.index.add(std::make_shared<const IndexPart>(adopted));
  loaded_.unindexed = std::move(adopted.packs);
}

LoadedIndex Loading::run() {
  read_objects();
  // Packs are listed after the index objects: what an index promises was written before it.
  present_ = list_packs(repository_.store());
  for (IndexObject& object : loaded_.objects) add(object);
  for (auto& [id, pack] : lost_) loaded_.lost_packs.push_back(std::move(pack));
  adopt_unlisted();
  return std::move(loaded_);
}

}  // namespace

LoadedIndex load_index(const Repository& repository, const IndexLoading& loading) {
  return Loading(repository, loading).run();
}

}  // namespace holdfast::repository
