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

std::map<PackId, std::uint64_t> list_packs(storage::Store& store) {
  std::map<PackId, std::uint64_t> sizes;
  store.list(kPacksFolder, [&](std::string_view name, const storage::ObjectStatus& status) {
    if (const auto id = pack_of(name)) sizes.emplace(*id, status.size);
  });
  return sizes;
}

}  // namespace

Bytes serialize(const IndexContent& content) {
  ByteWriter out;
  out.varint(content.packs.size());
  for (const PackDescription& pack : content.packs) {
    out.raw(pack.id.view());
    out.number(pack.digests_size);
    out.number(pack.directory_size);
    out.varint(pack.entries.size());
    for (const BlobEntry& entry : pack.entries) write_entry(out, entry);
  }
  out.varint(content.withdrawn.size());
  for (const WithdrawnBlob& blob : content.withdrawn) {
    out.raw(blob.pack.view());
    out.raw(blob.blob.view());
  }
  return out.take();
}

IndexContent parse_index(ByteView bytes) {
  IndexContent content;
  ByteReader in(bytes, "an index");
  for (auto packs = in.varint(); packs > 0; --packs) {
    PackDescription& pack = content.packs.emplace_back();
    pack.id = PackId::from_bytes(in.raw(PackId::kSize));
    pack.digests_size = in.number<std::uint32_t>();
    pack.directory_size = in.number<std::uint32_t>();
    auto entries = in.varint();
    pack.entries.reserve(std::min<std::size_t>(entries, in.remaining() / BlobEntry::kWrittenSize));
    for (; entries > 0; --entries) pack.entries.push_back(read_entry(in));
  }
  for (auto blobs = in.varint(); blobs > 0; --blobs) {
    WithdrawnBlob blob;
    blob.pack = PackId::from_bytes(in.raw(PackId::kSize));
    blob.blob = BlobId::from_bytes(in.raw(BlobId::kSize));
    content.withdrawn.push_back(blob);
  }
  in.expect_end();
  return content;
}

std::string put_index(const Repository& repository, const IndexContent& content) {
  ObjectId id;
  codec::random_bytes(id.bytes);
  const std::string name = fmt::format("{}{}", kIndexPrefix, id.hex());
  repository.store().put(name, seal_document(repository.keys().documents, DocumentKind::kIndex,
                                             name, serialize(content)));
  return name;
}

void Index::add(PackDescription pack) {
  add(std::make_shared<const PackDescription>(std::move(pack)));
}

void Index::add(std::shared_ptr<const PackDescription> pack) {
  const auto number = static_cast<std::uint32_t>(packs_.size());
  if (!by_id_.emplace(pack->id, number).second) return;
  std::vector<std::uint32_t> offsets;
  offsets.reserve(pack->entries.size());
  std::uint64_t offset = kPackHeaderSize;
  for (const BlobEntry& entry : pack->entries) {
    offsets.push_back(static_cast<std::uint32_t>(offset));
    offset += entry.stored_size;
    if (offset > 0xffffffff) {
      throw Error(ErrorCode::kDamagedObject, pack_name(pack->id) + " is larger than a pack can be");
    }
  }
  packs_.push_back(std::move(pack));
  offsets_.push_back(std::move(offsets));
  const auto entries = static_cast<std::uint32_t>(packs_.back()->entries.size());
  for (std::uint32_t entry = 0; entry < entries; ++entry) insert(number, entry);
}

void Index::withdraw(const WithdrawnBlob& blob) { withdrawn_.insert(blob); }

void Index::insert(std::uint32_t pack, std::uint32_t entry_number) {
  if (2 * (used_ + 1) > table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = std::hash<BlobId>{}(packs_[pack]->entries[entry_number].id) & mask;
  while (table_[at].pack != kNone) at = (at + 1) & mask;
  table_[at] = {pack, entry_number};
  ++used_;
}

void Index::grow() {
  std::vector<Place> old(std::max<std::size_t>(64, table_.size() * 2));
  std::swap(old, table_);
  used_ = 0;
  for (const Place& place : old) {
    if (place.pack != kNone) insert(place.pack, place.entry);
  }
}

bool Index::usable(const Place& place) const {
  return withdrawn_.empty() || !withdrawn_.contains({packs_[place.pack]->id, entry(place).id});
}

void Index::visit(const BlobId& id, const std::function<bool(const Place&)>& stop) const {
  if (table_.empty()) return;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = std::hash<BlobId>{}(id)&mask; table_[at].pack != kNone;
       at = (at + 1) & mask) {
    if (entry(table_[at]).id == id && usable(table_[at]) && stop(table_[at])) return;
  }
}

std::vector<BlobLocation> Index::find(const BlobId& id) const {
  std::vector<BlobLocation> found;
  visit(id, [&](const Place& place) {
    found.push_back({entry(place), packs_[place.pack]->id, offsets_[place.pack][place.entry]});
    return false;
  });
  return found;
}

bool Index::contains(const BlobId& id) const {
  bool found = false;
  visit(id, [&](const Place&) { return found = true; });
  return found;
}

bool Index::holds_all(const PackDescription& pack) const {
  return std::ranges::all_of(pack.entries,
                             [&](const BlobEntry& entry) { return contains(entry.id); });
}

const PackDescription* Index::pack(const PackId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : packs_[found->second].get();
}

std::size_t Index::digest_position(const BlobLocation& location) const {
  const std::uint32_t number = by_id_.at(location.pack);
  std::size_t position = 0;
  for (std::size_t i = 0; offsets_[number][i] != location.offset; ++i) {
    position += packs_[number]->entries[i].pages;
  }
  return position;
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
  IndexPart read(const std::string& name);
  void add(IndexObject& object);
  void adopt_unlisted();

  const Repository& repository_;
  const IndexLoading& loading_;
  std::map<std::string, IndexPart> seen_;  // null for what cannot be read
  std::map<PackId, std::uint64_t> present_;
  std::map<PackId, PackDescription> lost_;
  LoadedIndex loaded_;
};

IndexPart Loading::read(const std::string& name) {
  IndexMemory& memory = *repository_.index_memory();
  if (!loading_.anew) {
    if (IndexPart known = memory.find(name)) return known;
  }
  auto part = std::make_shared<const IndexContent>(parse_index(open_document(
      repository_.keys().documents, DocumentKind::kIndex, name, repository_.store().get(name))));
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

void Loading::add(IndexObject& object) {
  for (const PackDescription& pack : object.content->packs) {
    if (loading_.except.contains(pack.id)) {
      object.whole = false;
      present_.erase(pack.id);
      ++loaded_.left_out;
      continue;
    }
    if (loaded_.index.pack(pack.id) != nullptr) continue;
    const auto found = present_.find(pack.id);
    if (found == present_.end() || found->second != pack.size()) {
      object.whole = false;
      lost_.insert_or_assign(pack.id, pack);
    } else {
      loaded_.index.add(std::shared_ptr<const PackDescription>(object.content, &pack));
    }
  }
  for (const WithdrawnBlob& blob : object.content->withdrawn) loaded_.index.withdraw(blob);
}

void Loading::adopt_unlisted() {
  for (const auto& [id, size] : present_) {
    if (loading_.except.contains(id) || loaded_.index.pack(id) != nullptr || lost_.contains(id)) {
      continue;
    }
    try {
      PackDescription pack = read_directory(repository_.store(), repository_.keys(), id, size);
      loaded_.unindexed.push_back(pack);
      loaded_.index.add(std::move(pack));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // pruned meanwhile
      if (!is_left_out(error)) throw;
      loaded_.unreadable_packs.push_back(pack_name(id));
    }
  }
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
