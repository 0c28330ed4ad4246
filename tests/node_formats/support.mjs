// What the suites need. A model is `p-<format>/<story>`: the provider's format, and what it tells
// (tests/kit/src/upstream/formats/story.rs).
export const TEXT = 'Grüße aus "Oslo", 世界 🌍.';
export const THOUGHTS = 'The user wants a greeting.';
export const ERROR_WORDS = 'The scripted vendor asks you to slow down.';
export const FORMATS = ['chat', 'responses', 'anthropic', 'gemini', 'bedrock', 'ollama', 'cohere'];
export const BASE_URL = process.env.WEIR_BASE_URL;
export const API_KEY = process.env.WEIR_API_KEY;

globalThis.AI_SDK_LOG_WARNINGS = false;
