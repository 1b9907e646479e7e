// hadal run: continue a text.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <limits>
#include <optional>

#include "base/json.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "cache/snapshot.h"
#include "chat/prompt_tokens.h"
#include "cli/chat_prompt.h"
#include "cli/commands.h"
#include "cli/constraint_flags.h"
#include "cli/expert_flags.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "cli/overwrite.h"
#include "cli/run_stats.h"
#include "cli/sample_flags.h"
#include "cli/speculate_flags.h"
#include "engine/generator.h"
#include "engine/model_files.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

constexpr const char* kRunAbout =
    "Continue a text.\n"
    "\n"
    "The prompt comes from -p, from -f, or from stdin. Without -m the embedded model is used. The "
    "same\n"
    "seed gives the same text, whatever the number of threads.\n"
    "\n"
    "Examples:\n"
    "  hadal run -p \"Once upon a time\" --max-tokens 100 --seed 1\n"
    "  hadal run -m ~/DeepSeek-V4-Flash -f prompt.txt --temperature 0 --stats\n"
    "  hadal run -f book.txt --ram 8G --snapshot book.snap      Ctrl-C keeps what was read\n"
    "  hadal run --resume book.snap --snapshot book.snap\n"
    "  echo \"The king said\" | hadal run --stop \".\" --json\n"
    "  hadal run --chat -p \"Who are you?\"\n"
    "  hadal run -p \"A person:\" --json-schema person.json\n"
    "  hadal run -p \"The king\" --logit-bias 310=-100 --logprobs 5 --json";

struct RunOptions {
  std::string model, prompt, prompt_file, resume;
  SampleFlags sample;
  ConstraintFlags constraint;
  ExpertFlags experts;
  SpeculateFlags speculate;
  engine::GenerateOptions generate;
  std::size_t threads = 0;
  bool prompt_given = false, no_bos = false, special = false, chat = false, think = false,
       echo = false, stats = false, json = false, force = false;
};

Status CheckStop(const engine::StopOptions& stop) {
  if (!stop.max_tokens || stop.min_tokens <= *stop.max_tokens) return Unit{};
  return Fail(Code::kInvalid, "--min-tokens: found {}, expected at most the {} of --max-tokens",
              stop.min_tokens, *stop.max_tokens);
}

Result<std::string> ReadPrompt(const RunOptions& options) {
  if (options.prompt_given) return options.prompt;
  if (!options.prompt_file.empty()) return io::ReadFile(options.prompt_file);
  if (IsTerminal(0))
    std::fputs("hadal: reading the prompt from the terminal; end it with Ctrl-D\n", stderr);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Json TokenJson(const engine::TokenLogprob& token, const text::Tokenizer& tokenizer) {
  return Json::MakeObject({{"id", token.id},
                           {"text", std::string(tokenizer.TokenBytes(token.id))},
                           {"logprob", token.logprob}});
}

Json LogprobsJson(const engine::Logprobs& logprobs, const text::Tokenizer& tokenizer) {
  Json json = TokenJson(logprobs.chosen, tokenizer);
  Json::Array top;
  for (const engine::TokenLogprob& token : logprobs.top) top.push_back(TokenJson(token, tokenizer));
  json.Set("top", std::move(top));
  return json;
}

const chat::Dialect& DialectOf(const engine::ModelFiles& files) {
  return chat::DialectOf(arch::ModelType(files.model.config.architecture));
}

// The prompt as a question; a constraint begins behind the reasoning.
Status AskInChat(const RunOptions& options, const std::string& question,
                 const engine::ModelFiles& files, engine::GenerateOptions* generate) {
  const chat::Dialect& dialect = DialectOf(files);
  HADAL_TRY(generate->tokens, QuestionTokens(dialect, files.tokenizer, question, options.think));
  if (options.think && generate->constraint.language)
    generate->constraint.after = files.tokenizer.AddedToken(dialect.think_end);
  if (!generate->stop.ignore_eos && !generate->constraint.language)
    chat::AddTurnTokens(files.tokenizer, dialect, &generate->stop.token_ids);
  return Unit{};
}

Status Run(RunOptions options) {
  const std::atomic<bool>& stop = StopRequested();
  HADAL_TRY_STATUS(CheckNamed(options.generate.snapshot, cache::kSnapshotKind, options.force));
  std::string prompt;
  if (options.resume.empty()) {
    HADAL_TRY(prompt, ReadPrompt(options));
    NoteOtherBytes(options.prompt_file.empty() ? "the prompt" : options.prompt_file, prompt);
    // A question ends where its line does: the end of a file's last line is none of its text.
    if (options.chat && !options.prompt_given)
      while (prompt.ends_with('\n') || prompt.ends_with('\r')) prompt.pop_back();
  }
  HADAL_TRY(const engine::ModelFiles files,
            engine::OpenModel(options.model, OpenWith(options.experts, options.generate.ram_bytes,
                                                      stop, options.json)));
  for (const std::string& note : files.model.notes) PrintNote(note);
  engine::GenerateOptions generate = options.generate;
  generate.sample = SampleWith(options.sample, files.generation.sample);
  generate.bos = !options.no_bos;
  if (options.special) generate.control = text::ControlTokens::kRead;
  HADAL_TRY(generate.constraint, ConstraintWith(options.constraint, files.tokenizer));
  if (options.chat) HADAL_TRY_STATUS(AskInChat(options, prompt, files, &generate));
  generate.speculate = SpeculateWith(options.speculate);
  generate.cancel = &stop;
  generate.experts_profile = options.experts.profile;

  Threads threads(options.threads);
  std::optional<Progress> progress;
  std::string whole;
  engine::GenerateCallbacks callbacks;
  callbacks.on_note = PrintNote;
  if (!files.generation.passed_over.empty())
    PrintNote(fmt::format("generation_config.json: passed over: {}",
                          fmt::join(files.generation.passed_over, ", ")));
  callbacks.on_prefill = [&](std::size_t done, std::size_t total) {
    if (!progress) progress.emplace("reading the prompt", total, options.json, done);
    progress->Set(done, fmt::format("{:.0f} tokens/s", progress->PerSecond(done)));
    if (done == total) progress.reset();
  };
  talk::Screen screen(std::cout, talk::ScreenOfStdout());
  AnswerText answer(DialectOf(files), options.think, options.json ? nullptr : &screen);
  callbacks.on_text = [&](std::string_view text) {
    if (options.chat) return answer.Push(text);
    if (options.json) {
      whole += text;
      return;
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  Json::Array logprobs;
  callbacks.on_logprobs = [&](const engine::Logprobs& of_token) {
    logprobs.push_back(LogprobsJson(of_token, files.tokenizer));
  };
  if (options.echo && !prompt.empty()) {
    if (!options.chat)
      callbacks.on_text(prompt);
    else if (!options.json)
      std::cout << prompt << "\n\n";
  }
  HADAL_TRY(const engine::GenerateResult result,
            options.resume.empty()
                ? engine::Generate(files, threads, prompt, generate, callbacks)
                : engine::ResumeGeneration(files, threads, options.resume, generate, callbacks));
  progress.reset();
  if (options.chat) answer.Finish();
  if (result.snapshot_written)
    PrintNote(fmt::format("the state is in {}; go on with --resume", generate.snapshot));
  if (options.json) {
    Json out = Json::MakeObject({{"text", options.chat ? answer.content() : whole}});
    if (options.think) out.Set("reasoning", answer.reasoning());
    if (generate.logprobs) out.Set("logprobs", std::move(logprobs));
    out.Set("stats", RunStatsJson(result, files, threads.count()));
    std::fprintf(stdout, "%s\n", out.Dump(2).c_str());
  } else {
    std::cout.flush();
    std::fputc('\n', stdout);
    if (options.stats) {
      std::fprintf(stderr, "\n%s", RunStatsText(result, files, threads.count()).c_str());
    }
  }
  if (result.reason == engine::FinishReason::kCancelled) return Fail(Code::kCancelled, "stopped");
  return Unit{};
}

}  // namespace

void AddRun(Command app, Work* work) {
  auto options = std::make_shared<RunOptions>();
  const Command run = app.AddCommand("run", kRunAbout);
  run.AddOption("-m,--model", options->model, "checkpoint directory");
  const Option prompt = run.AddText("-p,--prompt", options->prompt, "the text to continue");
  run.AddOption("-f,--file", options->prompt_file, "a file with the text to continue")
      .Excludes(prompt);
  engine::StopOptions& stop = options->generate.stop;
  run.AddOption("--max-tokens", stop.max_tokens,
                "stop after so many tokens (default: 256, or what is left of the model's context)")
      .Check(Size(0));
  const std::vector<Option> sample = AddSampleFlags(run, &options->sample);
  run.AddOption("--stop", stop.texts, "end before this text; may be given several times")
      .OneValueEach();
  run.AddOption("--stop-id", stop.token_ids,
                "end at this token, as at the model's EOS; may be given several times")
      .OneValueEach()
      .Check(WholeNumber(0, std::numeric_limits<std::int32_t>::max()));
  run.AddOption("--min-tokens", stop.min_tokens, "do not end before so many tokens").Check(Size(0));
  run.AddFlag("--ignore-eos", stop.ignore_eos, "go on behind the model's EOS");
  run.AddOption("--prompt-tokens", options->generate.prompt_tokens,
                "read only so many tokens of a longer prompt")
      .Check(Size(1));
  const Option chunk =
      run.AddOption("--chunk", options->generate.prefill_chunk,
                    "tokens of the prompt read together: speed against scratch memory; experts "
                    "that are on disk are read once for each chunk, so that it is larger then")
          .Check(Size(1, 65536))
          .ShowDefault();
  AddRam(run, &options->generate.ram_bytes);
  AddExpertFlags(run, &options->experts);
  run.AddOption("--snapshot", options->generate.snapshot,
                "where to write the state if Ctrl-C or --max-tokens ends the run");
  AddForce(run, &options->force);
  const Option resume =
      run.AddOption("--resume", options->resume,
                    "go on from such a file, with its prompt, sampling and text so far");
  AddThreads(run, &options->threads);
  AddSpeculateFlags(run, &options->speculate);
  run.AddFlag("--no-bos", options->no_bos, "do not put the model's BOS token in front");
  run.AddFlag("--special", options->special,
              "the prompt is in the chat format: control tokens such as <think> in it are read as "
              "such, not as text");
  AddConstraintFlags(run, &options->constraint);
  const Option chat = run.AddFlag("--chat", options->chat,
                                  "the prompt is a question, asked in the model's chat format");
  run.AddFlag("--think", options->think, "with --chat: reason before the answer").Needs(chat);
  for (const char* name : {"--no-bos", "--special", "--prompt-tokens"})
    chat.Excludes(run.Find(name));
  // What the file says is not said again.
  for (const Option option : sample) resume.Excludes(option);
  for (const char* name :
       {"--prompt", "--file", "--prompt-tokens", "--no-bos", "--special", "--chat"})
    resume.Excludes(run.Find(name));
  run.AddFlag("--echo", options->echo, "print the prompt, or the question, before what follows");
  run.AddFlag("--stats", options->stats, "print speed and bytes by component to stderr at the end");
  const Option json =
      run.AddFlag("--json", options->json, "print one JSON object with text and stats at the end");
  run.AddOption(
         "--logprobs", options->generate.logprobs,
         "with --json: a list \"logprobs\" of the tokens drawn: id, text, the model's "
         "log-probability, and \"top\", the same of so many of the likeliest; 0: none of them")
      .Check(WholeNumber(0, engine::kMostAlternatives))
      .Needs(json);
  run.OnChosen(
      [options, work, prompt, chunk] {
        options->generate.larger_chunks = !chunk.given();
        options->prompt_given = prompt.given();
        *work = [options] { return Run(*options); };
      },
      [options] { return CheckStop(options->generate.stop); });
}

}  // namespace hadal::cli
