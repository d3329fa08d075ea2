#include "moest/report/html.h"

#include <fmt/format.h>

#include "moest/base/error.h"
#include "moest/base/number.h"

namespace moest {

std::string html_text(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      case '\n':
        html += c;
        break;
      default:
        html += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
  }
  return html;
}

std::string html_number(double value, const char* format) {
  return fmt::format("<data value=\"{}\">{}</data>", exact_text(value),
                     fmt::format(fmt::runtime(format), value));
}

std::string html_with_error(const std::optional<double>& value, const std::optional<double>& error) {
  return !value  ? "–"
         : error ? fmt::format("{} ({})", html_number(*value, "{:.3f}"), html_number(*error, "{:.3f}"))
                 : html_number(*value, "{:.3f}");
}

void HtmlTable::add_column(std::string_view title, Column column) {
  columns_.push_back(column);
  head_ += fmt::format("<th scope=\"col\"{}>{}</th>", column == Column::number ? " class=\"number\"" : "",
                       html_text(title));
}

void HtmlTable::add_row(const std::vector<std::string>& cells) {
  MOEST_EXPECT(cells.size() == columns_.size());
  body_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    body_ += fmt::format("<td{}>{}</td>", columns_[i] == Column::number ? " class=\"number\"" : "", cells[i]);
  }
  body_ += "</tr>\n";
}

std::string HtmlTable::html() const {
  return fmt::format(
      "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n"
      "</table></div>\n",
      head_, body_);
}

}  // namespace moest
