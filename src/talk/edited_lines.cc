// libedit: it enters here alone.
#include <histedit.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>

#include "talk/history_file.h"
#include "talk/interrupt.h"
#include "talk/line_source.h"
#include "talk/terminal_modes.h"

namespace hadal::talk {
namespace {

constexpr int kEntries = 1000;

class Edited : public LineSource {
 public:
  explicit Edited(const std::string& file) : file_(file) {
    KeepTerminalModes();
    // Characters beyond ASCII, where the environment does not say in which encoding: UTF-8.
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    editor_ = el_init("hadal", stdin, stdout, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kEntries);
    history(history_, &event, H_SETUNIQUE, 1);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_PROMPT_ESC, &Edited::Prompt, '\1');
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_GETCFN, &Edited::GetCharacter);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    for (const std::string& entry : file_.Read(kEntries)) Enter(entry);
  }
  ~Edited() override {
    history_end(history_);
    el_end(editor_);
  }
  Edited(const Edited&) = delete;
  Edited& operator=(const Edited&) = delete;

  Got Read(const std::string& prompt, std::string* line) override {
    prompt_ = prompt;
    Interrupted() = false;
    el_resize(editor_);
    int bytes = 0;
    const char* text = el_gets(editor_, &bytes);
    if (Interrupted().exchange(false)) {
      std::fputs("^C\n", stdout);
      el_reset(editor_);
      return Got::kInterrupt;
    }
    if (text == nullptr || bytes <= 0) return Got::kEnd;
    line->assign(text, static_cast<std::size_t>(bytes));
    while (line->ends_with('\n') || line->ends_with('\r')) line->pop_back();
    return Got::kLine;
  }

  void Remember(const std::string& text) override {
    Enter(text);
    file_.Append(text);
  }

 private:
  static Edited* Of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<Edited*>(self);
  }
  static char* Prompt(EditLine* editor) { return Of(editor)->prompt_.data(); }

  // libedit's own goes on reading after Ctrl-C.
  static int GetCharacter(EditLine* /*editor*/, wchar_t* out) {
    std::mbstate_t state{};
    for (;;) {
      char byte = 0;
      const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got == 0) return 0;
      if (got < 0 && errno == EINTR && !Interrupted()) continue;  // a window that changed its size
      if (got < 0) return -1;
      const std::size_t used = std::mbrtowc(out, &byte, 1, &state);
      if (used == static_cast<std::size_t>(-2)) continue;  // a character is under way
      if (used == static_cast<std::size_t>(-1)) *out = L'\uFFFD';
      return 1;
    }
  }

  void Enter(const std::string& text) {
    HistEvent event;
    history(history_, &event, H_ENTER, text.c_str());
  }

  HistoryFile file_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  std::string prompt_;
};

}  // namespace

std::unique_ptr<LineSource> EditedLines(const std::string& history) {
  return std::make_unique<Edited>(history);
}

}  // namespace hadal::talk
