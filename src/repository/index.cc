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
constexpr std::string_view kPackPrefix = "packs/";

std::map<PackId, std::uint64_t> list_packs(storage::Store& store) {
  std::map<PackId, std::uint64_t> sizes;
  store.list(kPackPrefix, [&](std::string_view name, const storage::ObjectStatus& status) {
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
    PackDescription pack;
    pack.id = PackId::from_bytes(in.raw(PackId::kSize));
    pack.digests_size = in.number<std::uint32_t>();
    pack.directory_size = in.number<std::uint32_t>();
    for (auto entries = in.varint(); entries > 0; --entries) pack.entries.push_back(read_entry(in));
    content.packs.push_back(std::move(pack));
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
  const auto number = static_cast<std::uint32_t>(packs_.size());
  if (!by_id_.emplace(pack.id, number).second) return;
  std::vector<std::uint32_t> offsets;
  offsets.reserve(pack.entries.size());
  std::uint64_t offset = kPackHeaderSize;
  for (const BlobEntry& entry : pack.entries) {
    offsets.push_back(static_cast<std::uint32_t>(offset));
    offset += entry.stored_size;
    if (offset > 0xffffffff) {
      throw Error(ErrorCode::kDamagedObject, pack_name(pack.id) + " is larger than a pack can be");
    }
  }
  packs_.push_back(std::move(pack));
  offsets_.push_back(std::move(offsets));
  const auto entries = static_cast<std::uint32_t>(packs_.back().entries.size());
  for (std::uint32_t entry = 0; entry < entries; ++entry) insert(number, entry);
}

void Index::withdraw(const WithdrawnBlob& blob) { withdrawn_.insert(blob); }

void Index::insert(std::uint32_t pack, std::uint32_t entry_number) {
  if (2 * (used_ + 1) > table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = std::hash<BlobId>{}(packs_[pack].entries[entry_number].id) & mask;
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
  return withdrawn_.empty() || !withdrawn_.contains({packs_[place.pack].id, entry(place).id});
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
    found.push_back({entry(place), packs_[place.pack].id, offsets_[place.pack][place.entry]});
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
  return found == by_id_.end() ? nullptr : &packs_[found->second];
}

std::size_t Index::digest_position(const BlobLocation& location) const {
  const std::uint32_t number = by_id_.at(location.pack);
  std::size_t position = 0;
  for (std::size_t i = 0; offsets_[number][i] != location.offset; ++i) {
    position += packs_[number].entries[i].pages;
  }
  return position;
}

LoadedIndex load_index(const Repository& repository, const IndexLoading& loading) {
  storage::Store& store = repository.store();
  LoadedIndex loaded;
  const auto is_left_out = [&](const Error& error) {
    return error.code() == ErrorCode::kDamagedObject ||
           (loading.despite_io_errors && error.code() == ErrorCode::kIo);
  };
  std::vector<std::string> names;
  store.list(kIndexPrefix, [&](std::string_view name, const storage::ObjectStatus&) {
    names.emplace_back(name);
  });
  // Packs are listed after the index objects: what an index promises was written before it.
  std::vector<IndexContent> contents;
  for (const std::string& name : names) {
    try {
      contents.push_back(parse_index(
          open_document(repository.keys().documents, DocumentKind::kIndex, name, store.get(name))));
      loaded.objects.push_back(name);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // merged into another one meanwhile
      if (!is_left_out(error)) throw;
      loaded.unreadable.push_back(name);
    }
  }
  std::map<PackId, std::uint64_t> present = list_packs(store);

  std::map<PackId, PackDescription> lost;
  for (IndexContent& content : contents) {
    for (PackDescription& pack : content.packs) {
      if (loading.except.contains(pack.id)) {
        present.erase(pack.id);
        ++loaded.left_out;
        continue;
      }
      if (loaded.index.pack(pack.id) == nullptr) {
        const auto found = present.find(pack.id);
        if (found == present.end() || found->second != pack.size()) {
          lost.insert_or_assign(pack.id, std::move(pack));
          continue;
        }
      }
      loaded.index.add(std::move(pack));
    }
    for (const WithdrawnBlob& blob : content.withdrawn) loaded.index.withdraw(blob);
  }
  for (auto& [id, pack] : lost) loaded.lost_packs.push_back(std::move(pack));
  for (const auto& [id, size] : present) {
    if (loading.except.contains(id) || loaded.index.pack(id) != nullptr || lost.contains(id))
      continue;
    try {
      PackDescription pack = read_directory(store, repository.keys(), id, size);
      loaded.unindexed.push_back(pack);
      loaded.index.add(std::move(pack));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // pruned meanwhile
      if (!is_left_out(error)) throw;
      loaded.unreadable_packs.push_back(pack_name(id));
    }
  }
  return loaded;
}

}  // namespace holdfast::repository
