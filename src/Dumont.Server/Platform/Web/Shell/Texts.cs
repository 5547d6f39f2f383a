using System.Collections.Frozen;
using System.Globalization;
using System.Resources;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Every text of the pages, from the <c>Texts.resx</c> and <c>Texts.pt-BR.resx</c> of the feature folders. Keys are unique over all features.</summary>
internal static class Texts
{
    private static readonly FrozenDictionary<string, FrozenDictionary<string, string>> ByLanguage =
        Language.All.ToFrozenDictionary(language => language.Tag, language => Read(language).ToFrozenDictionary());

    /// <summary>The text of <paramref name="key"/>.</summary>
    /// <exception cref="KeyNotFoundException">There is none: a defect, which a test over all pages finds.</exception>
    public static string Get(Language language, string key) =>
        ByLanguage[language.Tag].TryGetValue(key, out var text) ? text : throw new KeyNotFoundException($"No text {key} in {language.Tag}.");

    /// <summary>The text of <paramref name="key"/>, or null: for words that the server's records hold and that may grow.</summary>
    public static string? Find(Language language, string key) => ByLanguage[language.Tag].GetValueOrDefault(key);

    /// <summary>All texts of a language.</summary>
    public static IReadOnlyDictionary<string, string> All(Language language) => ByLanguage[language.Tag];

    private static Dictionary<string, string> Read(Language language)
    {
        var assembly = typeof(Texts).Assembly;
        var suffix = language == Language.English ? ".Texts.resources" : $".Texts.{language.Tag}.resources";
        var texts = new Dictionary<string, string>();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(suffix, StringComparison.Ordinal)))
        {
            using var reader = new ResourceReader(assembly.GetManifestResourceStream(name)!);
            foreach (System.Collections.DictionaryEntry entry in reader)
            {
                texts.Add((string)entry.Key, Convert.ToString(entry.Value, CultureInfo.InvariantCulture)!);
            }
        }

        return texts;
    }
}
