// The XML of S3's answers: elements and text. Hostile input, so everything that S3 does not send is
// refused: document types, processing instructions, comments, unknown entities.
#ifndef HOLDFAST_STORAGE_S3_XML_DOCUMENT_H_
#define HOLDFAST_STORAGE_S3_XML_DOCUMENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

struct XmlElement {
  std::string name;  // without a prefix of a namespace; attributes are passed over
  std::string text;  // what stands directly in it
  std::vector<XmlElement> children;

  // The first of this name; nullptr if there is none.
  const XmlElement* child(std::string_view child_name) const;
  // Its text; empty if there is none.
  std::string_view child_text(std::string_view child_name) const;
};

// The outermost element; empty for what is not well-formed, is nested deeper than 16 or has more
// than 100,000 elements.
std::optional<XmlElement> parse_xml(std::string_view text);

// `text` as the content of an element.
std::string xml_text(std::string_view text);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_XML_DOCUMENT_H_
