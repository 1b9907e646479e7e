#include "grammar/number_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

namespace hadal::grammar {
namespace {

constexpr std::int64_t kLargest = 999'999'999'999'999;      // with digits behind the point, or bare
constexpr std::int64_t kMostExact = 9'007'199'254'740'991;  // 2^53 - 1: where a bound asks for it
constexpr std::size_t kDigits = 15, kFraction = 9;
constexpr std::size_t kExactDigits = 16;

Piece Digit(Builder& b, char lo, char hi) {
  return b.Bytes(static_cast<std::uint8_t>(lo), static_cast<std::uint8_t>(hi));
}
Piece Digits(Builder& b, std::size_t count) { return b.Repeat(Digit(b, '0', '9'), count, count); }

// Texts of digits, as long as both bounds, between them.
Piece SameLength(Builder& b, const std::string& lo, const std::string& hi) {
  if (lo.find_first_not_of('0') == lo.npos && hi.find_first_not_of('9') == hi.npos)
    return Digits(b, lo.size());
  const std::string lo_rest = lo.substr(1), hi_rest = hi.substr(1);
  if (lo[0] == hi[0]) return b.Seq({b.Text(lo.substr(0, 1)), SameLength(b, lo_rest, hi_rest)});
  std::vector<Piece> choices = {
      b.Seq({b.Text(lo.substr(0, 1)), SameLength(b, lo_rest, std::string(lo_rest.size(), '9'))}),
      b.Seq({b.Text(hi.substr(0, 1)), SameLength(b, std::string(hi_rest.size(), '0'), hi_rest)})};
  if (lo[0] + 1 < hi[0])
    choices.push_back(b.Seq({Digit(b, static_cast<char>(lo[0] + 1), static_cast<char>(hi[0] - 1)),
                             Digits(b, lo_rest.size())}));
  return b.Any(choices);
}

// 0 <= lo; nothing if hi < lo.
Piece Natural(Builder& b, std::int64_t lo, std::int64_t hi) {
  std::vector<Piece> choices;
  std::int64_t first = 0, last = 9;  // of the numbers of one length
  for (std::size_t length = 1; length <= kExactDigits; ++length) {
    const std::int64_t from = std::max(lo, first), to = std::min(hi, last);
    if (from <= to) choices.push_back(SameLength(b, std::to_string(from), std::to_string(to)));
    first = last + 1;
    last = last * 10 + 9;
  }
  return b.Any(choices);
}

Piece WholeNumbers(Builder& b, std::int64_t lo, std::int64_t hi) {
  std::vector<Piece> choices = {Natural(b, std::max<std::int64_t>(lo, 0), hi)};
  if (lo < 0)
    choices.push_back(b.Seq({b.Text("-"), Natural(b, std::max<std::int64_t>(1, -hi), -lo)}));
  return b.Any(choices);
}

// A bound that is not negative, as digits.
struct Decimal {
  std::int64_t whole = 0;
  std::string fraction;
  bool strict = false;

  // To the next number with that many digits behind the point, away from 0; or towards it.
  void Round(std::size_t digits, bool away) {
    if (fraction.size() <= digits) return;
    fraction.resize(digits);
    strict = false;  // the bound itself is cut away
    if (!away) return;
    std::size_t at = digits;
    while (at > 0 && fraction[at - 1] == '9') fraction[--at] = '0';
    at > 0 ? ++fraction[at - 1] : ++whole;
  }
  bool ZeroFrom(std::size_t at) const {
    return at >= fraction.size() || fraction.find_first_not_of('0', at) == std::string::npos;
  }
  char At(std::size_t at) const { return at < fraction.size() ? fraction[at] : '0'; }
};

// Of a bound away from 0 (`least`) or towards it: where no text reaches it, the next one that does,
// on its inner side.
Result<Decimal> ToDecimal(double value, bool strict, bool least) {
  char digits[400];  // the shortest text that reads back equal
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::fixed);
  const std::string text(digits, end.ptr);
  const std::size_t point = std::min(text.find('.'), text.size());
  Decimal decimal{0, text.substr(std::min(point + 1, text.size())), strict};
  // Fifteen digits in all are told apart by every reader.
  if (value > static_cast<double>(kLargest)) {
    if (!least) return Decimal{kLargest, "", false};
    return Fail(Code::kUnsupported, "{}: no number of at most 15 digits is beyond it", value);
  }
  decimal.whole = std::stoll(text.substr(0, point));
  decimal.Round(kFraction, least);
  return decimal;
}

// What may stand behind a whole part that is a bound's: nothing, or a point and digits. Null: no
// bound.
class Fraction {
 public:
  Fraction(Builder& b, const Decimal* least, const Decimal* most, std::size_t digits)
      : b_(b), least_(least), most_(most), digits_(digits) {}

  Piece Make() {
    std::vector<Piece> choices;
    if (MayEnd(0, least_ != nullptr, most_ != nullptr)) choices.push_back(b_.Empty());
    if (digits_ > 0)
      choices.push_back(b_.Seq({b_.Text("."), From(0, least_ != nullptr, most_ != nullptr)}));
    return b_.Any(choices);
  }

 private:
  // at_least, at_most: the digits so far are the bound's.
  bool MayEnd(std::size_t at, bool at_least, bool at_most) const {
    if (at_least && (!least_->ZeroFrom(at) || least_->strict)) return false;
    return !at_most || !most_->ZeroFrom(at) || !most_->strict;
  }
  // One digit more, and what may follow.
  Piece From(std::size_t at, bool at_least, bool at_most) {
    if (at == digits_) return b_.Nothing();
    if (!at_least && !at_most) return b_.Repeat(Digit(b_, '0', '9'), 1, digits_ - at);
    const char lo = at_least ? least_->At(at) : '0', hi = at_most ? most_->At(at) : '9';
    std::vector<Piece> choices;
    for (char digit = lo; digit <= hi; ++digit) {
      const bool low = at_least && digit == lo, high = at_most && digit == hi;
      std::vector<Piece> rest;
      if (MayEnd(at + 1, low, high)) rest.push_back(b_.Empty());
      rest.push_back(From(at + 1, low, high));
      choices.push_back(b_.Seq({Digit(b_, digit, digit), b_.Any(rest)}));
    }
    return b_.Any(choices);
  }

  Builder& b_;
  const Decimal *least_, *most_;
  std::size_t digits_;
};

// Numbers that are not negative, without a sign.
Piece Positive(Builder& b, const Decimal& least, const Decimal& most) {
  const std::size_t whole =
      std::max(std::to_string(least.whole).size(),
               most.whole == kLargest ? 1 : std::to_string(most.whole).size());
  const std::size_t digits = whole >= kDigits ? 0 : std::min(kFraction, kDigits - whole);
  if (least.whole > most.whole) return b.Nothing();
  const auto with = [&](std::int64_t part, const Decimal* lo, const Decimal* hi) {
    return b.Seq({b.Text(std::to_string(part)), Fraction(b, lo, hi, digits).Make()});
  };
  if (least.whole == most.whole) return with(least.whole, &least, &most);
  return b.Any({with(least.whole, &least, nullptr), with(most.whole, nullptr, &most),
                b.Seq({Natural(b, least.whole + 1, most.whole - 1),
                       Fraction(b, nullptr, nullptr, digits).Make()})});
}

}  // namespace

Result<Piece> IntegerRange(Builder& b, std::optional<Bound> least, std::optional<Bound> most) {
  constexpr double kBeyond = static_cast<double>(kMostExact) + 1;
  std::int64_t lo = -kLargest, hi = kLargest;
  if (least) {
    if (least->value >= kBeyond)
      return Fail(Code::kUnsupported, "{}: expected at most {}", least->value, kMostExact);
    lo = static_cast<std::int64_t>(std::ceil(std::max(least->value, -kBeyond)));
    if (least->strict && static_cast<double>(lo) == least->value) ++lo;
    lo = std::max(lo, -kMostExact);
    if (lo > hi) hi = kMostExact;
  }
  if (most) {
    if (most->value <= -kBeyond)
      return Fail(Code::kUnsupported, "{}: expected at least {}", most->value, -kMostExact);
    hi = static_cast<std::int64_t>(std::floor(std::min(most->value, kBeyond)));
    if (most->strict && static_cast<double>(hi) == most->value) --hi;
    hi = std::min(hi, kMostExact);
    if (!least && lo > hi) lo = -kMostExact;
  }
  return lo > hi ? b.Nothing() : WholeNumbers(b, lo, hi);
}

Result<Piece> NumberRange(Builder& b, std::optional<Bound> least, std::optional<Bound> most) {
  const Decimal zero, nothing_less{0, "", true}, largest{kLargest, "", false};
  std::vector<Piece> choices;
  if (!most || most->value >= 0) {
    Decimal lo = zero, hi = largest;
    if (least && least->value >= 0) {
      HADAL_TRY(lo, ToDecimal(least->value, least->strict, true));
    }
    if (most) {
      HADAL_TRY(hi, ToDecimal(most->value, most->strict, false));
    }
    choices.push_back(Positive(b, lo, hi));
  }
  if (!least || least->value < 0) {  // mirrored: -x between -most and -least, and not 0
    Decimal lo = nothing_less, hi = largest;
    if (most && most->value < 0) {
      HADAL_TRY(lo, ToDecimal(-most->value, most->strict, true));
    }
    if (least) {
      HADAL_TRY(hi, ToDecimal(-least->value, least->strict, false));
    }
    choices.push_back(b.Seq({b.Text("-"), Positive(b, lo, hi)}));
  }
  return b.Any(choices);
}

}  // namespace hadal::grammar
