#include "engine/records/record_json.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"
#include "codec/keyed_hash.h"
#include "engine/records/invalid_record.h"
#include "engine/records/json_reader.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kDeepestNesting = 128;
constexpr std::size_t kDigestSize = 16;
constexpr std::string_view kBlob = "$blob", kText = "$text", kNumber = "$number",
                           kDocument = "$value", kRaw = "$raw";

// Builds the document itself, because the parser's own way lets a second field of the same name
// win.
class Builder : public nlohmann::json_sax<Record> {
 public:
  explicit Builder(std::string_view what) : what_(what) {}
  Record take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == std::string::npos) {
      throw invalid_record(fmt::format("{}: the whole number {} does not fit into 64 bits", what_,
                                       text.substr(0, 40)));
    }
    return add(value);
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Record::object()); }
  bool key(string_t& name) override {
    Record& object = *open_.back();
    if (object.contains(name)) {
      throw invalid_record(
          fmt::format("{}: the field \"{}\" is there twice", what_, name.substr(0, 80)));
    }
    next_ = &object[name];
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Record::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error while …"
    std::string_view message = error.what();
    if (const auto end = message.find("] "); end != std::string_view::npos) {
      message.remove_prefix(end + 2);
    }
    throw invalid_record(
        fmt::format("{} is no valid JSON (byte {}): {}", what_, position, message.substr(0, 200)));
  }

 private:
  Record* place(Record value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *next_ = std::move(value);
    return next_;
  }
  bool add(Record value) {
    place(std::move(value));
    return true;
  }
  bool open(Record container) {
    if (open_.size() >= kDeepestNesting) {
      throw invalid_record(
          fmt::format("{} is nested deeper than {} levels", what_, kDeepestNesting));
    }
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view what_;
  Record root_;
  std::vector<Record*> open_;
  Record* next_ = nullptr;
};

Record tagged(std::string_view tag, Record value) {
  Record object = Record::object();
  object[std::string(tag)] = std::move(value);
  return object;
}

bool looks_tagged(const Record& json) {
  return json.is_object() && json.size() == 1 && json.begin().key().starts_with('$');
}

Record plain_to_json(const Value& value, ColumnKind kind) {
  if (is_null(value)) return nullptr;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    if (kind == ColumnKind::kBoolean && (*whole == 0 || *whole == 1)) return *whole == 1;
    return *whole;
  }
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isnan(*real)) return tagged(kNumber, "NaN");
    if (std::isinf(*real)) return tagged(kNumber, *real > 0 ? "Infinity" : "-Infinity");
    return *real;
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    // What a column of numbers holds by accident must not pass for what one may put there.
    const bool misplaced = kind == ColumnKind::kInteger || kind == ColumnKind::kReal;
    if (misplaced || !is_utf8(*text)) {
      return tagged(kText, to_base64(as_bytes(*text)));
    }
    return *text;
  }
  return tagged(kBlob, to_base64(std::get<Bytes>(value)));
}

Record document_to_json(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) {
    const auto* real = std::get_if<double>(&value);
    const bool is_document = is_null(value) || std::holds_alternative<std::int64_t>(value) ||
                             (real != nullptr && std::isfinite(*real));
    Record json = plain_to_json(value, ColumnKind::kAny);
    return is_document ? json : tagged(kRaw, std::move(json));
  }
  try {
    Record document = parse_record_json(*text, "the document");
    const bool hidden = document.is_null() || looks_tagged(document);
    return hidden ? tagged(kDocument, std::move(document)) : document;
  } catch (const Error&) {
    return tagged(kRaw, plain_to_json(value, ColumnKind::kAny));
  }
}

Bytes decoded(const Record& json, std::string_view where) {
  if (json.is_string()) {
    try {
      return from_base64(json.get_ref<const std::string&>());
    } catch (const Error&) {
      // Said below, in words about the record.
    }
  }
  throw invalid_record(fmt::format("field {}: what is tagged here must be base64", where));
}

Value tagged_to_value(const Record& json, std::string_view where) {
  const std::string& tag = json.begin().key();
  const Record& inner = json.begin().value();
  if (tag == kBlob) return decoded(inner, where);
  if (tag == kText) {
    const Bytes bytes = decoded(inner, where);
    return std::string(as_text(bytes));
  }
  if (tag == kNumber) {
    if (inner == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (inner == "Infinity") return std::numeric_limits<double>::infinity();
    if (inner == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  throw invalid_record(fmt::format("field {}: {} is no tagged value", where, record_text(json)));
}

bool is_number_text(std::string_view text) {
  // SQLite's affinity makes a number of it: blanks around are allowed, as is an exponent.
  const auto first = text.find_first_not_of(" \t\n\v\f\r");
  if (first == std::string_view::npos) return false;
  text = text.substr(first, text.find_last_not_of(" \t\n\v\f\r") - first + 1);
  std::size_t at = text.front() == '-' || text.front() == '+' ? 1 : 0;
  std::size_t digits = 0;
  const auto skip_digits = [&] {
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) ++digits;
  };
  skip_digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    skip_digits();
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    digits = 0;
    skip_digits();
    if (digits == 0) return false;
  }
  return at == text.size();
}

Value text_to_value(const std::string& text, ColumnKind kind, std::string_view where) {
  const bool numbers = kind == ColumnKind::kInteger || kind == ColumnKind::kReal;
  const bool numeric = kind == ColumnKind::kNumeric || kind == ColumnKind::kBoolean;
  if (numbers || (numeric && is_number_text(text))) {
    throw invalid_record(fmt::format("field {}: \"{}\" is a text, but the column holds numbers",
                                     where, text.substr(0, 40)));
  }
  return text;
}

Value number_to_value(const Record& json, ColumnKind kind, std::string_view where) {
  if (kind == ColumnKind::kText) {
    throw invalid_record(fmt::format("field {}: {} is a number, but the column holds text", where,
                                     record_text(json)));
  }
  if (kind == ColumnKind::kDecimal) return record_text(json);
  if (json.is_number_float()) return json.get<double>();
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > kMost) {
    throw invalid_record(
        fmt::format("field {}: {} does not fit into 64 bits", where, record_text(json)));
  }
  return json.get<std::int64_t>();
}

Value document_from_json(const Record& json, std::string_view where) {
  if (json.is_null()) return {};
  if (!looks_tagged(json)) return record_text(json);
  const std::string& tag = json.begin().key();
  const Record& inner = json.begin().value();
  if (tag == kDocument) return record_text(inner);
  if (tag == kRaw) return value_from_json(inner, ColumnKind::kAny, where);
  throw invalid_record(fmt::format(
      "field {}: a document with the only field \"{}\" must be written {{\"$value\": …}}", where,
      tag));
}

}  // namespace

Record parse_record_json(std::string_view text, std::string_view what) {
  if (auto record = read_json(text, kDeepestNesting)) return *std::move(record);
  // It says what is wrong.
  Builder builder(what);
  Record::sax_parse(text, &builder);
  return builder.take();
}

std::string text_digest(std::string_view text) {
  std::array<std::byte, kDigestSize> hash{};
  codec::KeyedHash(codec::SecretKey(), kDigestSize).add(as_bytes(text)).finish(hash);
  return to_hex(hash);
}

std::string record_tag(const Record& record) { return text_digest(record_text(record)); }

std::string record_text(const Record& record) { return record.dump(); }

Record value_to_json(const Value& value, ColumnKind kind) {
  return kind == ColumnKind::kJson ? document_to_json(value) : plain_to_json(value, kind);
}

Value value_from_json(const Record& json, ColumnKind kind, std::string_view where) {
  if (kind == ColumnKind::kJson) return document_from_json(json, where);
  if (json.is_null()) return {};
  if (json.is_boolean()) {
    if (kind == ColumnKind::kText) {
      throw invalid_record(fmt::format("field {}: {} is a truth value, but the column holds text",
                                       where, record_text(json)));
    }
    return std::int64_t{json.get<bool>() ? 1 : 0};
  }
  if (json.is_number()) return number_to_value(json, kind, where);
  if (json.is_string()) return text_to_value(json.get_ref<const std::string&>(), kind, where);
  if (looks_tagged(json)) return tagged_to_value(json, where);
  throw invalid_record(
      fmt::format("field {}: {} is no single value; a column of documents is one that "
                  "the collection declares as = \"json\"",
                  where, json.is_object() ? "an object" : "a list"));
}

}  // namespace holdfast::engine
