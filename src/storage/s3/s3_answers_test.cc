#include "storage/s3/s3_answers.h"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

TEST(S3Answers, AListHasKeysSizesAndTimesToTheSecond) {
  const auto page = parse_list_page(
      "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a%2Fb+c</Key>"
      "<LastModified>2026-11-22T12:00:01.987Z</LastModified><Size>7</Size></Contents>"
      "<NextContinuationToken>t/+=</NextContinuationToken></ListBucketResult>");
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "a/b c");
  EXPECT_EQ(page->objects[0].size, 7u);
  EXPECT_EQ(page->objects[0].modified, parse_http_date("Sun, 22 Nov 2026 12:00:01 GMT"));
  EXPECT_EQ(page->next, "t/+=");
}

TEST(S3Answers, AListThatGoesOnWithoutATokenIsNone) {
  EXPECT_FALSE(
      parse_list_page("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"));
  EXPECT_FALSE(parse_list_page("<ListBucketResult></ListBucketResult>"));
  EXPECT_FALSE(parse_list_page("<html></html>"));
  EXPECT_FALSE(
      parse_list_page("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key>"
                      "<Size>-1</Size><LastModified>2026-11-22T12:00:01Z</LastModified>"
                      "</Contents></ListBucketResult>"));
}

TEST(S3Answers, AnErrorCannotDrawOnATerminal) {
  const auto body =
      parse_error_body("<Error><Code>NoSuchKey</Code><Message>a\x1b[2Jb\nc</Message></Error>");
  ASSERT_TRUE(body.has_value());
  EXPECT_EQ(body->message, "a [2Jb c");
}

TEST(S3Answers, DatesAreThoseOfHttp) {
  const auto date = parse_http_date("Wed, 29 Feb 2028 23:59:60 GMT");
  ASSERT_TRUE(date.has_value());
  EXPECT_EQ(format_rfc3339(*date), "2028-03-01T00:00:00.000000Z");
  for (const char* text : {"", "Sun, 22 Nov 2026 12:00:00 UTC", "Sun, 31 Feb 2026 12:00:00 GMT",
                           "Sun, 22 nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 24:00:00 GMT",
                           "Sun, -2 Nov 2026 12:00:00 GMT", "Sunday, 22-Nov-26 12:00:00 GMT"}) {
    EXPECT_FALSE(parse_http_date(text).has_value()) << text;
  }
}

TEST(S3Answers, ARangeLiesWithinItsObject) {
  EXPECT_EQ(parse_content_range("bytes 3-6/10")->total, 10u);
  for (const char* text : {"", "bytes 3-6/*", "bytes 6-3/10", "bytes 3-10/10", "3-6/10",
                           "bytes */10", "bytes 3-6/10x"}) {
    EXPECT_FALSE(parse_content_range(text).has_value()) << text;
  }
}

TEST(S3Answers, KeysComeBackFromTheirWrittenForm) {
  const std::string key = "a b+c%/\xc3\xa4~";
  EXPECT_EQ(percent_encode(key, true), "a%20b%2Bc%25/%C3%A4~");
  EXPECT_EQ(percent_decode(percent_encode(key, false), true), key);
  EXPECT_FALSE(percent_decode("%2", true).has_value());
  EXPECT_FALSE(percent_decode("%g0", true).has_value());
}

TEST(S3Answers, TellTheVersionsOfAnObject) {
  const auto page = parse_versions_page(
      "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker>"
      "<NextVersionIdMarker>v1</NextVersionIdMarker>"
      "<DeleteMarker><Key>a%20b</Key><VersionId>v2</VersionId>"
      "<LastModified>2026-11-22T12:00:01.000Z</LastModified></DeleteMarker>"
      "<Version><Key>a%20b</Key><VersionId>v1</VersionId><Size>7</Size>"
      "<LastModified>2026-11-22T12:00:00.000Z</LastModified></Version></ListVersionsResult>");
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->versions.size(), 2u);
  EXPECT_TRUE(page->versions[0].removal);
  EXPECT_FALSE(page->versions[1].removal);
  EXPECT_EQ(page->versions[1].key, "a b");
  EXPECT_EQ(page->versions[1].version, "v1");
  EXPECT_EQ(page->versions[1].size, 7u);
  EXPECT_EQ(page->next_key, "a b");
  EXPECT_EQ(page->next_version, "v1");
  for (const char* text :
       {"<ListBucketResult/>", "<ListVersionsResult/>",
        "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
        "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a</Key><Size>7</Size>"
        "<LastModified>2026-11-22T12:00:00.000Z</LastModified></Version></ListVersionsResult>"}) {
    EXPECT_FALSE(parse_versions_page(text).has_value()) << text;
  }
}

TEST(S3Answers, TellWhichObjectsRemain) {
  const auto failed = parse_delete_result(
      "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>");
  ASSERT_TRUE(failed.has_value());
  ASSERT_EQ(failed->size(), 1u);
  EXPECT_EQ(failed->front().code, "AccessDenied");
  EXPECT_TRUE(parse_delete_result("<DeleteResult/>")->empty());
}

}  // namespace
}  // namespace holdfast::storage
