use weir_config::{Auth, ProviderKind};
use weir_wire::usage::Unit;

use crate::Case;

const HOSTED: &[(&str, &str)] = &[
    ("openai", "OPENAI_API_KEY"),
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
        assert!(!provider.local && provider.auth == Auth::Bearer, "{name}");
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
                assert!(price.free || price.rates.input > 0, "{name}/{model}");
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
}
