#include "scale/simulated_store.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "repository/pack.h"
#include "scale/memory_count.h"

namespace holdfast::scale {
namespace {

using storage::Verb;

constexpr std::size_t kLeastMadeUp = 1u << 20;

std::uint64_t pages_of(std::uint64_t names, std::size_t a_page) {
  return std::max<std::uint64_t>(1, (names + a_page - 1) / a_page);
}

}  // namespace

std::uint64_t Traffic::total() const {
  return std::accumulate(requests.begin(), requests.end(), std::uint64_t{0});
}

void SimulatedStore::connect(const Network& network) {
  const std::scoped_lock lock(mutex_);
  network_ = network;
}

void SimulatedStore::forget_content_of(const MadeUpPages& pages,
                                       const repository::MasterKeys& keys) {
  pages_ = &pages;
  keys_ = &keys;
}

void SimulatedStore::add_made_up(const PackId& id, std::vector<std::uint64_t> numbers,
                                 std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  made_up_[repository::pack_name(id)] = {.numbers = std::move(numbers), .size = size};
}

Traffic SimulatedStore::take() {
  const std::scoped_lock lock(mutex_);
  Traffic taken = std::exchange(traffic_, {});
  const Duration now = clock_.elapsed();
  taken.elapsed = now - std::exchange(begun_, now);
  return taken;
}

void SimulatedStore::charge(Verb verb, std::uint64_t up, std::uint64_t down,
                            std::uint64_t requests) {
  const std::scoped_lock lock(mutex_);
  if (!network_) return;
  traffic_.requests[static_cast<std::size_t>(verb)] += requests;
  traffic_.bytes_up += up;
  traffic_.bytes_down += down;
  const double seconds = static_cast<double>(up + down) / network_->bytes_a_second;
  clock_.advance(
      std::chrono::duration_cast<Duration>(network_->latency * requests / network_->connections +
                                           std::chrono::duration<double>(seconds)));
}

void SimulatedStore::put(std::string_view name, ByteView content, storage::PutOptions options) {
  if (name.starts_with("packs/")) {
    const std::scoped_lock lock(mutex_);
    if (traffic_.first_pack == Duration{0}) traffic_.first_pack = clock_.elapsed() - begun_;
  }
  charge(Verb::kPut, content.size(), 0);
  if (keep_as_made_up(name, content)) return;
  const auto before = base().stat(name);
  exclude_memory(static_cast<std::int64_t>(content.size()));
  base().put(name, content, options);
  if (before) exclude_memory(-static_cast<std::int64_t>(before->size));
}

bool SimulatedStore::keep_as_made_up(std::string_view name, ByteView content) {
  const auto id = repository::pack_of(name);
  if (pages_ == nullptr || !id || content.size() < kLeastMadeUp) return false;
  ByteReader footer(content.last(repository::kPackFooterSize), name);
  const auto digests_size = footer.number<std::uint32_t>();
  const auto directory_size = footer.number<std::uint32_t>();
  const repository::PackDescription pack = repository::parse_directory(
      *keys_, *id, digests_size,
      content.subspan(content.size() - repository::kPackFooterSize - directory_size,
                      directory_size));
  std::vector<std::uint64_t> numbers;
  repository::BlobDecoder decoder(*keys_);
  Bytes plain(std::size_t{kBlobPages} * kPageSize);
  std::uint64_t offset = repository::kPackHeaderSize;
  for (const repository::BlobEntry& entry : pack.entries) {
    if (entry.stored_size != pages_->stored_size()) return false;
    decoder.decode(entry, content.subspan(offset, entry.stored_size), plain);
    numbers.push_back(MadeUpPages::number_of(plain));
    offset += entry.stored_size;
  }
  add_made_up(*id, std::move(numbers), content.size());
  return true;
}

Bytes SimulatedStore::get(std::string_view name) {
  Bytes content = base().get(name);
  charge(Verb::kGet, 0, content.size());
  return content;
}

void SimulatedStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  charge(Verb::kGetRange, 0, out.size());
  if (!fill_made_up(name, offset, out)) base().get_range(name, offset, out);
}

// Whole boxes, of which each is made anew each time.
bool SimulatedStore::fill_made_up(std::string_view name, std::uint64_t offset,
                                  MutableByteView out) {
  std::vector<std::uint64_t> numbers;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = made_up_.find(name);
    if (found == made_up_.end()) return false;
    numbers = found->second.numbers;
  }
  const std::uint64_t box = pages_->stored_size();
  const std::uint64_t from = offset - repository::kPackHeaderSize;
  if (offset < repository::kPackHeaderSize || from % box != 0 || out.size() % box != 0 ||
      from + out.size() > numbers.size() * box) {
    throw std::logic_error("only whole blobs of made-up packs can be read");
  }
  Bytes boxes;
  boxes.reserve(out.size());
  for (std::uint64_t i = from / box; boxes.size() < out.size(); ++i) {
    pages_->append_box(numbers[i], boxes);
  }
  std::ranges::copy(boxes, out.begin());
  return true;
}

std::optional<storage::ObjectStatus> SimulatedStore::stat(std::string_view name) {
  charge(Verb::kStat, 0, 0);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = made_up_.find(name);
    if (found != made_up_.end()) {
      return storage::ObjectStatus{.size = found->second.size, .modified = {}};
    }
  }
  return base().stat(name);
}

void SimulatedStore::list(std::string_view prefix, const Visitor& visit) {
  std::vector<std::pair<std::string, storage::ObjectStatus>> kept;
  base().list(prefix, [&](std::string_view name, const storage::ObjectStatus& status) {
    kept.emplace_back(name, status);
  });
  std::uint64_t names = kept.size();
  {
    const std::scoped_lock lock(mutex_);
    auto next = kept.begin();
    for (auto at = made_up_.lower_bound(prefix);
         at != made_up_.end() && at->first.starts_with(prefix); ++at, ++names) {
      for (; next != kept.end() && next->first < at->first; ++next)
        visit(next->first, next->second);
      visit(at->first, {.size = at->second.size, .modified = {}});
    }
    for (; next != kept.end(); ++next) visit(next->first, next->second);
  }
  charge(Verb::kList, 0, 0, pages_of(names, kListingPage));
}

void SimulatedStore::remove(std::string_view name) {
  charge(Verb::kRemove, 0, 0);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = made_up_.find(name);
    if (found != made_up_.end()) {
      made_up_.erase(found);
      return;
    }
  }
  const auto before = base().stat(name);
  base().remove(name);
  if (before) exclude_memory(-static_cast<std::int64_t>(before->size));
}

void SimulatedStore::remove_many(std::span<const std::string> names) {
  charge(Verb::kRemove, 0, 0, pages_of(names.size(), kRemovals));
  for (const std::string& name : names) {
    const auto before = base().stat(name);
    if (before) {
      base().remove(name);
      exclude_memory(-static_cast<std::int64_t>(before->size));
    } else {
      const std::scoped_lock lock(mutex_);
      if (const auto found = made_up_.find(name); found != made_up_.end()) made_up_.erase(found);
    }
  }
}

}  // namespace holdfast::scale
