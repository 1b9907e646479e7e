// HADAL_SANITIZED is defined, and kSanitized true, in builds with a sanitizer: what they make too
// slow, or give too much memory, is left out of a test.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HADAL_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HADAL_SANITIZED
#endif
#endif

namespace hadal::testing {

#ifdef HADAL_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace hadal::testing
