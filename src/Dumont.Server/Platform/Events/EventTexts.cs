using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Events;

/// <summary>Tells events in the reader's language: the text <c>event.TYPE</c> with the event's facts in its gaps, or <c>event.TYPE.plain</c> where a
/// fact is not known. A gap is <c>{fact}</c> or <c>{fact:form}</c>; a form is <c>usd</c>, <c>bytes</c>, <c>span</c> (of seconds), <c>sentence</c>, or a group
/// of words.</summary>
internal static partial class EventTexts
{
    /// <summary>What happened, in one sentence. One that an earlier server wrote is told as it was written; a type without a text is told by its name.</summary>
    public static string Of(Ui ui, RecordedEvent each)
    {
        if (each.Message.Length > 0)
        {
            return each.Message;
        }

        using var facts = JsonDocument.Parse(each.Document);
        return Fill(ui, $"event.{each.Type}", facts.RootElement) ?? Fill(ui, $"event.{each.Type}.plain", facts.RootElement) ?? each.Type;
    }

    /// <summary>As the API and the pages have it.</summary>
    public static EventResponse ToResponse(Ui ui, RecordedEvent each) => new(each.Id, each.At, each.InstanceId, each.Type, Of(ui, each));

    /// <summary>Which part of the server it is about.</summary>
    public static string GroupOf(Ui ui, string type) => ui.Word("event.of", type.Split('.')[0]);

    // Null when there is no such text, or no fact for one of its gaps.
    private static string? Fill(Ui ui, string key, JsonElement facts)
    {
        if (Texts.Find(ui.Language, key) is not { } text)
        {
            return null;
        }

        var isWhole = true;
        var told = Gap().Replace(text, gap =>
        {
            if (facts.TryGetProperty(gap.Groups[1].Value, out var fact))
            {
                return Form(ui, fact, gap.Groups[2].Value);
            }

            isWhole = false;
            return "";
        });
        return isWhole ? told : null;
    }

    private static string Form(Ui ui, JsonElement fact, string form) => (fact.ValueKind, form) switch
    {
        (JsonValueKind.Number, "usd") => ui.Language.Usd(fact.GetDecimal()),
        (JsonValueKind.Number, "bytes") => ui.Language.Bytes(fact.GetInt64()),
        (JsonValueKind.Number, "span") => ui.Duration(TimeSpan.FromSeconds(fact.GetDouble())),
        (JsonValueKind.Number, _) => fact.GetDouble() is var number && number == Math.Floor(number)
            ? ui.Language.Number(number)
            : number.ToString(CultureInfo.InvariantCulture),
        (JsonValueKind.String, "sentence") => SentenceTexts.Of(fact.GetString()!, ui.Language),
        (JsonValueKind.String, { Length: > 0 }) => ui.Word(form, fact.GetString()),
        _ => fact.ToString(),
    };

    [GeneratedRegex(@"\{([a-z_]+)(?::([a-z_.]+))?\}")]
    private static partial Regex Gap();
}
