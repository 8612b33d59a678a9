#include "storage/fault_store.h"

#include <fmt/format.h>

namespace holdfast::storage {
namespace {

using Kind = Fault::Kind;

bool concerns(Kind kind, Verb verb) {
  switch (kind) {
    case Kind::kFail:
      return true;
    case Kind::kFailAfter:
      return verb == Verb::kPut || verb == Verb::kRemove;
    case Kind::kTruncate:
    case Kind::kFlipBit:
      return verb == Verb::kGet || verb == Verb::kGetRange;
    case Kind::kStaleList:
      return verb == Verb::kList;
  }
  return false;
}

Error failure(const Fault& fault, Verb verb, std::string_view name) {
  return Error(fault.code, fmt::format("cannot {} \"{}\": injected fault", verb_name(verb), name));
}

}  // namespace

void FaultStore::inject(Fault fault) {
  Armed armed{.fault = std::move(fault), .listing = {}};
  if (armed.fault.kind == Kind::kStaleList) {
    base().list("", [&](std::string_view name, const ObjectStatus& status) {
      armed.listing.emplace_back(name, status);
    });
  }
  const std::scoped_lock lock(mutex_);
  armed_.push_back(std::move(armed));
}

void FaultStore::repair() {
  const std::scoped_lock lock(mutex_);
  armed_.clear();
}

std::uint64_t FaultStore::faults() const {
  const std::scoped_lock lock(mutex_);
  return met_;
}

void FaultStore::put(std::string_view name, ByteView content, PutOptions options) {
  const auto met = meet(Verb::kPut, name);
  if (met && met->fault.kind == Kind::kFail) throw failure(met->fault, Verb::kPut, name);
  base().put(name, content, options);
  if (met) throw failure(met->fault, Verb::kPut, name);
}

Bytes FaultStore::get(std::string_view name) {
  const auto met = meet(Verb::kGet, name);
  if (met && met->fault.kind == Kind::kFail) throw failure(met->fault, Verb::kGet, name);
  Bytes content = base().get(name);
  if (met && met->fault.kind == Kind::kTruncate) content.resize(content.size() / 2);
  if (met && met->fault.kind == Kind::kFlipBit) flip_bit(content);
  return content;
}

void FaultStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  const auto met = meet(Verb::kGetRange, name);
  if (met && met->fault.kind == Kind::kFail) throw failure(met->fault, Verb::kGetRange, name);
  base().get_range(name, offset, out);
  if (met && met->fault.kind == Kind::kTruncate) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("\"{}\" is truncated", name));
  }
  if (met) flip_bit(out);
}

std::optional<ObjectStatus> FaultStore::stat(std::string_view name) {
  if (const auto met = meet(Verb::kStat, name)) throw failure(met->fault, Verb::kStat, name);
  return base().stat(name);
}

void FaultStore::list(std::string_view prefix, const Visitor& visit) {
  const auto met = meet(Verb::kList, prefix);
  if (!met) return base().list(prefix, visit);
  if (met->fault.kind == Kind::kFail) throw failure(met->fault, Verb::kList, prefix);
  for (const auto& [name, status] : met->listing) {
    if (name.starts_with(prefix)) visit(name, status);
  }
}

void FaultStore::remove(std::string_view name) {
  const auto met = meet(Verb::kRemove, name);
  if (met && met->fault.kind == Kind::kFail) throw failure(met->fault, Verb::kRemove, name);
  base().remove(name);
  if (met) throw failure(met->fault, Verb::kRemove, name);
}

std::optional<FaultStore::Armed> FaultStore::meet(Verb verb, std::string_view name) {
  const std::scoped_lock lock(mutex_);
  for (Armed& armed : armed_) {
    Fault& fault = armed.fault;
    if (!concerns(fault.kind, verb) || (fault.verb && *fault.verb != verb)) continue;
    if (!name.starts_with(fault.prefix)) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    if (fault.times == 0) continue;
    if (fault.probability < 1 &&
        std::uniform_real_distribution<double>(0, 1)(random_) >= fault.probability) {
      continue;
    }
    --fault.times;
    ++met_;
    return armed;
  }
  return std::nullopt;
}

void FaultStore::flip_bit(MutableByteView bytes) {
  if (bytes.empty()) return;
  const std::scoped_lock lock(mutex_);
  const std::uint64_t bit = random_() % (bytes.size() * 8);
  bytes[bit / 8] ^= std::byte{1} << (bit % 8);
}

}  // namespace holdfast::storage
