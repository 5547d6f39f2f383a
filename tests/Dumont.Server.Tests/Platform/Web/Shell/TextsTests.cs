using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Tests.Platform.Web.Shell;

public sealed partial class TextsTests
{
    // Groups of texts that are found by a word of the server's records.
    private static readonly string[] Words =
        ["acknowledge.", "acknowledged.", "status.", "pair.", "machine.", "phase.", "reason.", "shell.theme.", "settings.tab.", "event.", "own.state.", "own.uses.", "snap.state.", "snap.phase.", "snap.verify.state.", "storage.provider.", "strategy.", "service.state.", "service.runs_on.", "hook.", "move.phase.", "move.basis.", "move.step."];

    [Fact]
    public void Texts_BothLanguages_HaveTheSameKeysAndGaps()
    {
        var (english, portuguese) = (Texts.All(Language.English), Texts.All(Language.Portuguese));
        Assert.Empty(english.Keys.Except(portuguese.Keys));
        Assert.Empty(portuguese.Keys.Except(english.Keys));
        Assert.All(english, text => Assert.Equal(Gaps(text.Value), Gaps(portuguese[text.Key])));
        Assert.All(english.Concat(portuguese), text => Assert.False(string.IsNullOrWhiteSpace(text.Value), text.Key));
    }

    [Fact]
    public void Texts_UsedByPages_AreThereAndNoOthers()
    {
        var sources = string.Concat(Directory.EnumerateFiles(ServerFolder(), "*.*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".razor" or ".cs").Select(File.ReadAllText));
        var keys = Texts.All(Language.English).Keys.ToHashSet();
        var used = Used().Matches(sources).Select(match => (Way: match.Groups[1].Value, Key: match.Groups[2].Value)).ToHashSet();

        Assert.NotEmpty(used);
        Assert.DoesNotContain(used, use => use.Way == ".Plural(" ? !keys.Contains(use.Key + ".one") || !keys.Contains(use.Key + ".other") : !keys.Contains(use.Key) && !use.Key.EndsWith('.'));
        Assert.DoesNotContain(keys, key => !sources.Contains($"\"{key}\"", StringComparison.Ordinal)
            && !Words.Any(word => key.StartsWith(word, StringComparison.Ordinal))
            && !(key.EndsWith(".error", StringComparison.Ordinal) && key.StartsWith("field.", StringComparison.Ordinal))
            && !key.EndsWith(".one", StringComparison.Ordinal) && !key.EndsWith(".other", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("en", 0, "0 GPUs")]
    [InlineData("en", 1, "1 GPU")]
    [InlineData("pt-BR", 0, "0 GPU")]
    [InlineData("pt-BR", 1, "1 GPU")]
    [InlineData("pt-BR", 1234, "1.234 GPUs")]
    public void Plural_FollowsTheLanguage(string tag, long count, string text) =>
        Assert.Equal(text, new Ui(Language.Find(tag)!).Plural("instances.gpus", count));

    [Fact]
    public void Numbers_FollowTheLanguage()
    {
        var (english, portuguese) = (Language.English, Language.Portuguese);
        Assert.Equal(("$0.2856", "US$\u00A00,2856"), (english.Usd(0.2856m), portuguese.Usd(0.2856m)));
        Assert.Equal(("−$1,234.50", "−US$\u00A01.234,50"), (english.UsdCents(-1234.5m), portuguese.UsdCents(-1234.5m)));
        var at = new DateTimeOffset(2026, 5, 3, 4, 5, 6, TimeSpan.FromHours(-3));
        Assert.Equal(("3 May 2026 07:05:06 UTC", "3 mai 2026 07:05:06 UTC"), (english.Time(at), portuguese.Time(at)));
        Assert.Equal(("1 d 2 h", "5,5 s"), (new Ui(english).Duration(TimeSpan.FromHours(26.9)), new Ui(portuguese).Duration(TimeSpan.FromSeconds(5.5))));
    }

    private static string ServerFolder([CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../../../../src/Dumont.Server"));

    private static IEnumerable<string> Gaps(string text) => Gap().Matches(text).Select(match => match.Value).Order();

    [GeneratedRegex(@"[uU]i(\.Format\(|\.Plural\(|\[)""([A-Za-z0-9_.-]+)""")]
    private static partial Regex Used();

    [GeneratedRegex(@"\{[0-9a-z_:.]+\}")]
    private static partial Regex Gap();
}
