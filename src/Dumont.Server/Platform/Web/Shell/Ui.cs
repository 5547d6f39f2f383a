using System.Globalization;
using System.Text.Json;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>What every component knows of the one who looks: the language with its texts. Pages have the rest in <see cref="Frame"/>; a live fragment is
/// the same for all who look at it in one language, so it has no more than this.</summary>
public class Ui(Language language)
{
    /// <summary>The language.</summary>
    public Language Language { get; } = language;

    /// <summary>The text of a key.</summary>
    public string this[string key] => Texts.Get(Language, key);

    /// <summary>The text of a key with its gaps filled, <c>{0}</c> first.</summary>
    public string Format(string key, params object?[] arguments) =>
        string.Format(CultureInfo.InvariantCulture, CompositeFormatOf(Texts.Get(Language, key)), arguments);

    /// <summary>The text of <c>key.one</c> or <c>key.other</c> with the number in its first gap.</summary>
    public string Plural(string key, long count) => Format($"{key}.{(Language.IsOne(count) ? "one" : "other")}", Language.Number(count));

    /// <summary>The text of a word that the server's records hold, such as a status; the word itself when there is none.</summary>
    public string Word(string group, string? word) =>
        word is null ? this["none"] : Texts.Find(Language, $"{group}.{word}") ?? word.Replace('_', ' ');

    /// <summary>US dollars an hour.</summary>
    public string PerHour(decimal usd) => Format("usd_per_hour", Language.Usd(usd));

    /// <summary>A span of time in its two largest units.</summary>
    public string Duration(TimeSpan span) => span switch
    {
        { TotalDays: >= 1 } => Format("span.days", Whole(span.TotalDays), span.Hours),
        { TotalHours: >= 1 } => Format("span.hours", Whole(span.TotalHours), span.Minutes),
        { TotalMinutes: >= 1 } => Format("span.minutes", Whole(span.TotalMinutes), span.Seconds),
        _ => Format("span.seconds", Language.Number(Math.Max(0, span.TotalSeconds), span.TotalSeconds < 10 ? 1 : 0)),
    };

    /// <summary>A share of one, as percent.</summary>
    public string Share(double share, int decimals = 0) => Language.Number(share * 100, decimals) + "%";

    private static string Whole(double value) => Math.Floor(value).ToString("0", CultureInfo.InvariantCulture);

    private static System.Text.CompositeFormat CompositeFormatOf(string text) => System.Text.CompositeFormat.Parse(text);
}

/// <summary>One who looks at a page, and the page: given to the whole page.</summary>
public sealed class Frame(Language language) : Ui(language)
{
    /// <summary><c>light</c>, <c>dark</c>, or null to follow the system.</summary>
    public string? Theme { get; init; }

    /// <summary>Address of the user; null when nobody is signed in.</summary>
    public string? Email { get; init; }

    /// <summary>Path and query of the page, for coming back to it.</summary>
    public required string Here { get; init; }

    /// <summary>The token that every form of this page sends back.</summary>
    public required string FormToken { get; init; }

    /// <summary>Of the request; shown where something went wrong.</summary>
    public required string RequestId { get; init; }

    /// <summary>What the last action left to say; null mostly.</summary>
    public Notice? Notice { get; init; }

    /// <summary>Base URL of this server as the browser reached it.</summary>
    public required string Origin { get; init; }
}

/// <summary>One sentence about what was just done, shown on the next page.</summary>
/// <param name="IsProblem">Whether it went wrong.</param>
/// <param name="Text">The sentence.</param>
/// <param name="RequestId">Of the request that went wrong; null otherwise.</param>
public sealed record Notice(bool IsProblem, string Text, string? RequestId)
{
    private const string CookieName = "dumont_notice";
    private const int LengthMax = 1000;

    internal static void Leave(HttpContext context, bool isProblem, string text) =>
        context.Response.Cookies.Append(
            CookieName,
            Uri.EscapeDataString(JsonSerializer.Serialize(
                new Notice(isProblem, text.Length > LengthMax ? text[..LengthMax] : text, isProblem ? context.TraceIdentifier : null))),
            Preferences.Cookie(context, TimeSpan.FromMinutes(1)));

    internal static Notice? Take(HttpContext context)
    {
        if (context.Request.Cookies[CookieName] is not { Length: > 0 and < 8000 } text)
        {
            return null;
        }

        context.Response.Cookies.Delete(CookieName);
        try
        {
            return JsonSerializer.Deserialize<Notice>(Uri.UnescapeDataString(text));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
