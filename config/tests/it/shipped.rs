use weir_config::{Auth, EmbeddingsApi, ProviderKind};
use weir_wire::format::Format;
use weir_wire::usage::Unit;

use crate::Case;

const HOSTED: &[(&str, &str)] = &[
    ("openai", "OPENAI_API_KEY"),
    ("anthropic", "ANTHROPIC_API_KEY"),
    ("gemini", "GEMINI_API_KEY"),
    ("cohere", "CO_API_KEY"),
    ("jina", "JINA_API_KEY"),
    ("voyage", "VOYAGE_API_KEY"),
    ("imagerouter", "IMAGEROUTER_API_KEY"),
    ("openrouter", "OPENROUTER_API_KEY"),
    ("groq", "GROQ_API_KEY"),
    ("mistral", "MISTRAL_API_KEY"),
    ("deepseek", "DEEPSEEK_API_KEY"),
    ("xai", "XAI_API_KEY"),
    ("together", "TOGETHER_API_KEY"),
    ("fireworks", "FIREWORKS_API_KEY"),
    ("perplexity", "PERPLEXITY_API_KEY"),
    ("cerebras", "CEREBRAS_API_KEY"),
    ("nvidia", "NVIDIA_API_KEY"),
    ("huggingface", "HF_TOKEN"),
];
const LOCAL: &[&str] = &["ollama", "lmstudio", "vllm", "llamacpp"];

#[test]
fn every_hosted_provider_needs_only_its_key() {
    let env: Vec<(&str, &str)> = HOSTED.iter().map(|(_, name)| (*name, "sk-test")).collect();
    let loaded = Case::new(&[], &env).unwrap().load().unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let providers = loaded.settings.providers;
    assert_eq!(providers.len(), HOSTED.len() + LOCAL.len() + 1);
    for (name, env) in HOSTED {
        let provider = &providers[*name];
        assert_eq!(provider.keys.len(), 1, "{name}");
        assert_eq!(provider.keys[0].id, format!("env:{env}"));
        assert!(
            provider.base_url.tls && provider.base_url.port == 443,
            "{name}"
        );
        let auth = match *name {
            "anthropic" => Auth::XApiKey,
            "gemini" => Auth::XGoogApiKey,
            _ => Auth::Bearer,
        };
        assert!(!provider.local && provider.auth == auth, "{name}");
    }
}

#[test]
fn local_providers_and_the_demo_need_no_key() {
    let providers = Case::new(&[], &[])
        .unwrap()
        .load()
        .unwrap()
        .settings
        .providers;
    for name in LOCAL {
        let provider = &providers[*name];
        assert!(
            provider.local && provider.base_url.host == "127.0.0.1",
            "{name}"
        );
        assert_eq!(provider.listed_models().count(), 0);
    }
    assert!(providers["demo"].local);
    assert_eq!(providers["demo"].kind, ProviderKind::Demo);
}

#[test]
fn no_listed_model_is_priced_at_nothing_by_accident() {
    let settings = Case::new(&[], &[]).unwrap().load().unwrap().settings;
    assert_eq!(settings.prices.version, "2026-11-20");
    for (name, provider) in &settings.providers {
        for model in provider.listed_models() {
            if let Some(price) = settings.prices.find(name, model) {
                assert_eq!(price.free, provider.local, "{name}/{model}");
                let is_paid = price.rates.input > 0 || !price.rates.is_per_token;
                assert!(price.free || is_paid, "{name}/{model}");
                assert!(
                    price.rates.cache_read <= price.rates.input,
                    "{name}/{model}"
                );
                if let Some(long) = price.long_context {
                    assert!(long.rates.input > price.rates.input, "{name}/{model}");
                }
            }
        }
    }
    assert!(settings.prices.find("ollama", "anything").unwrap().free);
}

#[test]
fn a_few_prices_are_what_the_vendors_say() {
    let prices = Case::new(&[], &[]).unwrap().load().unwrap().settings.prices;
    let per_million = |provider, model, unit| {
        prices
            .find(provider, model)
            .unwrap()
            .per_million(unit)
            .unwrap()
    };
    assert_eq!(per_million("openai", "gpt-4o", Unit::Input), 2_500_000_000);
    assert_eq!(
        per_million("openai", "gpt-4o", Unit::CacheRead),
        1_250_000_000
    );
    assert_eq!(
        per_million("openai", "gpt-4o", Unit::Reasoning),
        10_000_000_000
    );
    assert_eq!(
        per_million("openai", "gpt-5-nano", Unit::CacheRead),
        5_000_000
    );
    assert_eq!(
        per_million("deepseek", "deepseek-flash", Unit::CacheRead),
        6_000_000
    );
    let astra = prices.find("openai", "gpt-6-astra").unwrap();
    assert_eq!(astra.at(272_000).output, 50_000_000_000);
    assert_eq!(astra.at(272_001).output, 75_000_000_000);
    assert_eq!(astra.at(272_001).reasoning, 75_000_000_000);
    assert_eq!(prices.find("openai", "gpt-of-next-year"), None);
    // What is paid by the image, second, character or search, and what rises is priced as it will be.
    assert_eq!(
        per_million("openai", "whisper-1", Unit::Seconds),
        100_000 * 1_000_000
    );
    assert_eq!(
        per_million("openai", "tts-1", Unit::Characters),
        15_000_000_000
    );
    assert_eq!(
        per_million("cohere", "rerank-v3.5", Unit::Searches),
        2_000_000 * 1_000_000
    );
    assert_eq!(
        per_million("gemini", "gemini-3-pro-image", Unit::ImageOutput),
        120_000_000_000
    );
    assert_eq!(
        per_million("anthropic", "claude-opus-5-5", Unit::CacheWrite1h),
        8_000_000_000
    );
    let whisper = prices.find("openai", "whisper-1").unwrap();
    assert_eq!(whisper.per_million(Unit::Input), None);
}

#[test]
fn each_provider_offers_the_formats_of_its_api() {
    let settings = Case::new(&[], &[]).unwrap().load().unwrap().settings;
    let formats = |provider: &str, model| settings.providers[provider].formats_for(model);
    assert_eq!(
        formats("openai", "gpt-5"),
        [Format::Chat, Format::Responses]
    );
    for only in [
        "gpt-5-pro-2025-10-06",
        "o3-pro",
        "gpt-5.1-codex-max",
        "o3-deep-research",
    ] {
        assert_eq!(formats("openai", only), [Format::Responses], "{only}");
    }
    assert_eq!(
        formats("openai", "gpt-3.5-turbo-instruct"),
        [Format::Completions]
    );
    assert_eq!(formats("anthropic", "claude-opus-5-5"), [Format::Anthropic]);
    assert_eq!(formats("gemini", "gemini-2.5-pro"), [Format::Gemini]);
    assert_eq!(formats("groq", "x"), [Format::Chat, Format::Responses]);
    assert_eq!(
        formats("ollama", "x"),
        [Format::Chat, Format::Completions, Format::Ollama]
    );
    assert_eq!(formats("jina", "x"), []);
    assert!(!settings.providers["anthropic"].endpoints.embeddings);
    assert!(settings.providers["openai"].endpoints.realtime);
    assert_eq!(
        settings.providers["ollama"].path("ollama_chat", "x"),
        "/api/chat"
    );
}

#[test]
fn the_clouds_are_there_once_their_address_is_known() {
    let names = ["azure", "bedrock", "vertex"];
    let without = Case::new(&[], &[]).unwrap().load().unwrap();
    let is_there = |name: &&str| without.settings.providers.contains_key(*name);
    assert!(!names.iter().any(is_there));
    assert_eq!(without.warnings, Vec::<String>::new());

    let env = [
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://mine.openai.azure.com/openai/v1/",
        ),
        ("AWS_REGION", "eu-central-1"),
        ("GOOGLE_CLOUD_PROJECT", "my-project"),
    ];
    let providers = Case::new(&[], &env)
        .unwrap()
        .load()
        .unwrap()
        .settings
        .providers;
    let azure = &providers["azure"];
    assert_eq!(azure.base_url.host, "mine.openai.azure.com");
    assert_eq!(azure.path("chat", "gpt"), "/openai/v1/chat/completions");
    let bedrock = &providers["bedrock"];
    assert_eq!(
        bedrock.base_url.host,
        "bedrock-runtime.eu-central-1.amazonaws.com"
    );
    assert_eq!(bedrock.region.as_deref(), Some("eu-central-1"));
    assert_eq!(
        bedrock.embeddings_api("eu.cohere.embed-v4:0"),
        EmbeddingsApi::BedrockCohere
    );
    assert_eq!(
        bedrock.embeddings_api("amazon.titan-embed-text-v2:0"),
        EmbeddingsApi::Titan
    );
    let vertex = &providers["vertex"];
    assert_eq!(vertex.base_url.host, "aiplatform.googleapis.com");
    assert_eq!(
        vertex.path("messages", "claude-opus-5"),
        "/v1/projects/my-project/locations/global/publishers/anthropic/models/claude-opus-5:rawPredict"
    );
    assert_eq!(vertex.formats_for("claude-opus-5"), [Format::Anthropic]);
    assert_eq!(vertex.formats_for("meta/llama"), [Format::Chat]);
    let elsewhere = vertex.address_in(Some("us-east5"), Some("other")).unwrap();
    assert_eq!(elsewhere.host, "us-east5-aiplatform.googleapis.com");
    assert!(
        vertex
            .path_at(&elsewhere, "chat", "x")
            .starts_with("/v1/projects/other/locations/us-east5/")
    );
    assert_eq!(vertex.address_in(Some("evil.example/"), None), None);
}
