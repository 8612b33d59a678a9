#include "engine/legacy/json_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "engine/legacy/base64_stream.h"
#include "engine/legacy/json_splitter.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kLineBlanks = " \t\r";
constexpr std::size_t kLongestLine = std::size_t{1} << 29;

const Record* value_at(const Record& record, const FieldPath& path) {
  const Record* at = field_at(record, path);
  return at == nullptr || at->is_structured() || at->is_null() ? nullptr : at;
}

bool has_key(const Record& record, const std::vector<FieldPath>& key) {
  return !key.empty() && std::ranges::all_of(key, [&](const FieldPath& path) {
    return value_at(record, path) != nullptr;
  });
}

// The decoded text; what is damaged in base64 ends it.
class DecodedText {
 public:
  DecodedText(const TextSource& text, bool base64) : text_(text), base64_(base64) {}

  // Answers what is damaged.
  std::string read(const std::function<bool(std::string_view)>& piece) const {
    if (!base64_) {
      text_(piece);
      return {};
    }
    Base64Stream decoder;
    bool wanted = true;
    std::string decoded;
    text_([&](std::string_view encoded) {
      decoded.clear();
      decoder.add(encoded, decoded);
      wanted = decoded.empty() || piece(decoded);
      return wanted && decoder.damage().empty();
    });
    if (!wanted) return {};
    decoder.finish();
    return decoder.damage();
  }

 private:
  const TextSource& text_;
  const bool base64_;
};

// Which of the JSON formats it is. A look at the beginning nearly always suffices.
FileFormat shape_of(const DecodedText& text, const std::vector<FieldPath>& key) {
  std::optional<FileFormat> told;
  bool first = true, key_seen = false, nested = false;
  JsonSplitter* self = nullptr;
  JsonSplitter splitter([&](const JsonElement& element) {
    if (!self->is_object()) {
      told = FileFormat::kArray;
      return false;
    }
    std::string name;
    try {
      name = parse_record_json(element.name).get<std::string>();
      if (std::exchange(first, false) && element.text.front() == '{') {
        // {"<id>": {"<key>": "<id>", …} is said twice: nothing else looks like that.
        const Record record = parse_record_json(element.text);
        const Record* id = key.size() == 1 ? value_at(record, key.front()) : nullptr;
        if (id != nullptr && (id->is_string() ? *id == name : record_text(*id) == name)) {
          told = FileFormat::kObject;
          return false;
        }
      }
      for (const FieldPath& path : key) {
        if (path.front() != name) continue;
        // A record's own key is no object, or one that the path leads into.
        if (element.text.front() != '{') key_seen = true;
        const bool into = path.size() > 1 && element.text.front() == '{';
        if (into && has_key({{name, parse_record_json(element.text)}}, {path})) key_seen = true;
      }
    } catch (const Error&) {
      // Said when it is read.
    }
    nested = nested || element.text.front() == '{';
    return true;
  });
  self = &splitter;
  text.read([&](std::string_view piece) { return splitter.add(piece); });
  if (told) return *told;
  if (!splitter.is_object()) return FileFormat::kArray;
  if (splitter.is_complete() && splitter.after_end() == '{') return FileFormat::kLines;
  return key_seen || (!nested && !first) ? FileFormat::kRecord : FileFormat::kObject;
}

class JsonCopy {
 public:
  JsonCopy(const DecodedText& text, const RecordVisitor& visit, CopyReport& report)
      : text_(text), visit_(visit), report_(report) {}

  void read_members() {
    JsonSplitter splitter([&](const JsonElement& element) {
      member(element);
      return true;
    });
    const std::string damage =
        text_.read([&](std::string_view piece) { return splitter.add(piece); });
    splitter.finish();
    if (!damage.empty()) {
      report_.add_damage(damage);
    } else if (!splitter.damage().empty()) {
      report_.add_damage(splitter.damage());
    }
  }

  void read_lines() {
    std::string line;
    std::uint64_t number = 0;
    const auto take_line = [&] {
      ++number;
      if (line.find_first_not_of(kLineBlanks) != std::string::npos) {
        take({}, line, fmt::format("line {}", number));
      }
      line.clear();
    };
    const std::string damage = text_.read([&](std::string_view piece) {
      while (!piece.empty()) {
        const auto end = piece.find('\n');
        line.append(piece.substr(0, end));
        if (line.size() > kLongestLine) {
          report_.add_damage(fmt::format("line {} is longer than 512 MB", number + 1));
          line.clear();
          return false;
        }
        if (end == std::string_view::npos) break;
        take_line();
        piece.remove_prefix(end + 1);
      }
      return true;
    });
    if (!line.empty()) take_line();
    if (!damage.empty()) report_.add_damage(damage);
  }

  // Of one record the whole is one element: it is small.
  void read_record() {
    std::string whole;
    const std::string damage = text_.read([&](std::string_view piece) {
      whole += piece;
      return whole.size() <= kLongestLine;
    });
    if (!damage.empty()) {
      report_.add_damage(damage);
    } else {
      take({}, whole, "the record");
    }
  }

 private:
  void member(const JsonElement& element) {
    std::string id;
    const std::string where = fmt::format("byte {}", element.offset);
    if (!element.name.empty()) {
      try {
        id = parse_record_json(element.name, "a name").get<std::string>();
      } catch (const Error& error) {
        report_.add_damage(fmt::format("{}: {}", where, error.happened()));
        return;
      }
      if (!seen_.insert(id).second) {
        report_.add_damage(fmt::format("the record {} is there twice", id.substr(0, 80)));
        return;
      }
    }
    take(id, element.text,
         id.empty() ? fmt::format("the record at {}", where)
                    : fmt::format("the record {}", id.substr(0, 80)));
  }

  void take(const std::string& id, std::string_view text, const std::string& where) {
    Record record;
    try {
      record = parse_record_json(text, where);
    } catch (const Error& error) {
      report_.add_damage(error.happened());
      return;
    }
    if (!record.is_object()) {
      report_.add_damage(where + " is no object");
      return;
    }
    ++report_.records;
    visit_(id, std::move(record));
  }

  const DecodedText& text_;
  const RecordVisitor& visit_;
  CopyReport& report_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

CopyReport read_json_copy(const TextSource& text, bool base64, const std::vector<FieldPath>& key,
                          const RecordVisitor& visit) {
  const DecodedText decoded(text, base64);
  CopyReport report;
  report.base64 = base64;
  report.format = shape_of(decoded, key);
  JsonCopy copy(decoded, visit, report);
  if (report.format == FileFormat::kLines) {
    copy.read_lines();
  } else if (report.format == FileFormat::kRecord) {
    copy.read_record();
  } else {
    copy.read_members();
  }
  return report;
}

}  // namespace holdfast::engine
