// What each record of a collection is in an exported file, and what stands around them.
#ifndef HOLDFAST_ENGINE_EXPORTS_RECORD_TEXT_H_
#define HOLDFAST_ENGINE_EXPORTS_RECORD_TEXT_H_

#include <span>
#include <string>
#include <string_view>

#include "engine/exports/export_target.h"
#include "engine/exports/record_printer.h"

namespace holdfast::engine {

std::string text_before_records(ExportFormat format, const RecordPrinter& printer);
std::string_view text_between_records(ExportFormat format);
std::string_view text_after_records(ExportFormat format);
// Of an object, the id first; answers how many bytes of it that is.
std::size_t append_record_text(ExportFormat format, RecordPrinter& printer,
                               std::span<const Cell> row, std::string& out);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_RECORD_TEXT_H_
