//! The parameters of a request, by what each means when a target cannot take it.

/// What becomes of a parameter that a target cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The answer would not be what was asked for: refused, naming it.
    Meaning,
    /// The answer would be a fair one without it: left out, and named in `x-weir-dropped`.
    Hint,
}

macro_rules! params {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $class:ident,)+) => {
        /// A parameter of a request, under whatever name a format has it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Param {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Param {
            /// All parameters.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name that messages, `x-weir-dropped` and documents use: OpenAI's where it has one.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Whether it carries meaning.
            pub fn class(self) -> Class {
                match self {
                    $(Self::$name => Class::$class,)+
                }
            }
        }
    };
}

params! {
    /// The most tokens of the answer.
    MaxTokens "max_tokens" Meaning,
    /// `temperature`
    Temperature "temperature" Hint,
    /// `top_p`
    TopP "top_p" Hint,
    /// `top_k`
    TopK "top_k" Hint,
    /// `min_p`, of open-weight servers.
    MinP "min_p" Hint,
    /// Texts that end the answer.
    Stop "stop" Meaning,
    /// How many answers.
    N "n" Meaning,
    /// `seed`
    Seed "seed" Hint,
    /// `presence_penalty`
    PresencePenalty "presence_penalty" Hint,
    /// `frequency_penalty`
    FrequencyPenalty "frequency_penalty" Hint,
    /// `logit_bias`
    LogitBias "logit_bias" Hint,
    /// `logprobs`: the caller reads them from the answer.
    Logprobs "logprobs" Meaning,
    /// `top_logprobs`
    TopLogprobs "top_logprobs" Hint,
    /// `user`, and Anthropic's `metadata.user_id`.
    User "user" Hint,
    /// `safety_identifier`
    SafetyIdentifier "safety_identifier" Hint,
    /// `prompt_cache_key`
    PromptCacheKey "prompt_cache_key" Hint,
    /// `metadata`
    Metadata "metadata" Hint,
    /// `service_tier`
    ServiceTier "service_tier" Hint,
    /// `store`
    Store "store" Hint,
    /// The tools.
    Tools "tools" Meaning,
    /// Tools that the provider runs itself, such as a web search.
    HostedTools "hosted tools" Meaning,
    /// Tools whose input is free text.
    CustomTools "custom tools" Meaning,
    /// Which tool must or may be called.
    ToolChoice "tool_choice" Meaning,
    /// Whether several tools may be called at once.
    ParallelToolCalls "parallel_tool_calls" Meaning,
    /// `response_format` of JSON without a schema.
    JsonObject "response_format (json_object)" Meaning,
    /// `response_format` of JSON with a schema.
    JsonSchema "response_format (json_schema)" Meaning,
    /// How hard to think.
    Reasoning "reasoning" Hint,
    /// `verbosity`
    Verbosity "verbosity" Hint,
    /// Answers other than text.
    Modalities "modalities" Meaning,
    /// The voice of a spoken answer.
    AudioOutput "audio" Meaning,
    /// Text that the answer will mostly consist of.
    Prediction "prediction" Hint,
    /// OpenAI's `web_search_options`.
    WebSearchOptions "web_search_options" Meaning,
    /// Anthropic's and OpenAI's lists of tool servers.
    McpServers "mcp_servers" Meaning,
    /// Gemini's `safetySettings`.
    SafetySettings "safetySettings" Hint,
    /// A prompt kept at the provider (Gemini's `cachedContent`, OpenAI's `prompt`).
    StoredPrompt "stored prompt" Meaning,
    /// Text that comes after the completion.
    Suffix "suffix" Meaning,
    /// Whether the prompt is repeated.
    Echo "echo" Meaning,
    /// `best_of`
    BestOf "best_of" Hint,
    /// `truncation`
    Truncation "truncation" Hint,
    /// `include`: further output that the caller reads.
    Include "include" Hint,
    /// Anthropic's `context_management`.
    ContextManagement "context_management" Hint,
    /// An answer that is begun already, as the last message, to be gone on with (Anthropic's prefill).
    Prefill "assistant prefill" Meaning,
    /// Prompt parts marked to be cached.
    CacheControl "cache_control" Hint,
}
