#include "storage/s3/xml_document.h"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

TEST(XmlDocument, GivesElementsAndTheirText) {
  const auto root = parse_xml(
      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<s:List xmlns:s=\"http://x/\" a='1>2'> <Key>a&amp;b&#x41;&#228;</Key><Key>c</Key>"
      "<Empty/><Owner ><ID>7</ID></Owner></s:List>\n");
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(root->name, "List");
  EXPECT_EQ(root->children.size(), 4u);
  EXPECT_EQ(root->child_text("Key"), "a&bA\xc3\xa4");
  EXPECT_EQ(root->child_text("Empty"), "");
  EXPECT_EQ(root->child("Owner")->child_text("ID"), "7");
  EXPECT_EQ(root->child("Absent"), nullptr);
}

TEST(XmlDocument, RefusesWhatS3DoesNotSend) {
  for (const char* text : {"",
                           "x",
                           "<a>",
                           "<a></b>",
                           "<a/><b/>",
                           "<a>&nbsp;</a>",
                           "<a>&#0;</a>",
                           "<a>&#xd800;</a>",
                           "<a>&#1114112;</a>",
                           "<a><!-- x --></a>",
                           "<!DOCTYPE a><a/>",
                           "<a b></a>",
                           "<a b=\"<\"/>",
                           "<a b=\"1\"c=\"2\"/>",
                           "<a><![CDATA[x]]></a>",
                           "<a>x",
                           "<a>&#x41</a>",
                           "<?xml",
                           "< a/>",
                           "<html><br></html>"}) {
    EXPECT_FALSE(parse_xml(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_xml(std::string_view("<a>\0</a>", 8)).has_value());
}

TEST(XmlDocument, IsNotNestedWithoutEnd) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "<a>";
    for (int i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_TRUE(parse_xml(nested(16)).has_value());
  EXPECT_FALSE(parse_xml(nested(17)).has_value());
}

TEST(XmlDocument, TakesItsOwnTextBack) {
  const std::string text = "a<b>&\"c\"'";
  EXPECT_EQ(parse_xml("<x>" + xml_text(text) + "</x>")->text, text);
}

}  // namespace
}  // namespace holdfast::storage
