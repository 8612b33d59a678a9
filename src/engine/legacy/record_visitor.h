// What the readers of copies tell: records one by one, and what is wrong with the copy.
#ifndef HOLDFAST_ENGINE_LEGACY_RECORD_VISITOR_H_
#define HOLDFAST_ENGINE_LEGACY_RECORD_VISITOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/legacy/file_format.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {

// `id` is what the copy calls the record; empty where it says nothing beside the record itself.
using RecordVisitor = std::function<void(const std::string& id, Record&& record)>;

struct CopyReport {
  FileFormat format = FileFormat::kUnknown;
  bool base64 = false;
  std::uint64_t records = 0;  // that could be read
  std::uint64_t damages = 0;  // 0: the copy is intact
  bool unrelated = false;     // it has nothing of this collection, and is not expected to
  std::vector<std::string> reasons = {};  // of the first damages

  bool is_intact() const { return damages == 0; }
  void add_damage(std::string reason) {
    constexpr std::size_t kMostReasons = 5;
    if (++damages <= kMostReasons) reasons.push_back(std::move(reason));
  }
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_RECORD_VISITOR_H_
