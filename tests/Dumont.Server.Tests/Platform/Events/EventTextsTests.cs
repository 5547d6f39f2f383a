using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Store;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Tests.Platform.Events;

public sealed partial class EventTextsTests
{
    private static readonly Ui English = new(Language.English);
    private static readonly Ui Portuguese = new(Language.Portuguese);

    public static TheoryData<string> Tags => [.. Language.All.Select(language => language.Tag)];

    [Theory]
    [MemberData(nameof(Tags))]
    public void EveryEvent_WithAndWithoutItsOptionalFacts_IsTold(string tag)
    {
        var ui = new Ui(Language.Find(tag)!);
        foreach (var happened in Makers().SelectMany(Samples))
        {
            var told = EventTexts.Of(ui, Recorded(happened));
            Assert.NotEqual(happened.Type, told);
            Assert.DoesNotMatch(@"[{}]|\(\)|  ", told);
            Assert.NotEqual(happened.Type.Split('.')[0].Replace('_', ' '), EventTexts.GroupOf(ui, happened.Type));
        }
    }

    [Fact]
    public void EveryEvent_WithAllItsFacts_FillsItsFullText()
    {
        foreach (var happened in Makers().Select(maker => Samples(maker).First()))
        {
            var facts = System.Text.Json.JsonDocument.Parse(Columns.Document(happened.Facts ?? new object())).RootElement;
            foreach (Match gap in Gap().Matches(Texts.Get(Language.English, $"event.{happened.Type}")))
            {
                Assert.True(facts.TryGetProperty(gap.Groups[1].Value, out _), $"{happened.Type} has no fact {gap.Value}");
            }
        }
    }

    [Fact]
    public void Texts_OfEvents_AreOnlyThoseThatHappen()
    {
        var types = Makers().SelectMany(Samples).Select(happened => happened.Type).ToHashSet();
        var told = Texts.All(Language.English).Keys.Where(key => key.StartsWith("event.", StringComparison.Ordinal) && !key.StartsWith("event.of.", StringComparison.Ordinal))
            .Select(key => key["event.".Length..].Replace(".plain", "", StringComparison.Ordinal));
        Assert.Equal(types.Order(), told.Distinct().Order());
    }

    [Fact]
    public void Events_AreMadeWhereTheirTextsAreChecked()
    {
        var makers = Makers().Select(maker => maker.DeclaringType!.Name).ToHashSet();
        var elsewhere = Directory.EnumerateFiles(ServerFolder(), "*.cs", SearchOption.AllDirectories)
            .Where(file => !makers.Contains(Path.GetFileNameWithoutExtension(file)) && File.ReadAllText(file).Contains("new NewEvent(", StringComparison.Ordinal));
        Assert.Empty(elsewhere);
    }

    [Fact]
    public void Event_InEachLanguage_HasItsNumbersMoneyAndWords()
    {
        var created = Event("instance.created", """{"offer":"77","gpu_count":2,"gpu":"RTX 4090","usd_per_hour":0.5712}""");
        Assert.Equal("Rents offer 77: 2 x RTX 4090 at $0.5712/h.", EventTexts.Of(English, created));
        Assert.Equal("Aluga a oferta 77: 2 x RTX 4090 por US$\u00a00,5712/h.", EventTexts.Of(Portuguese, created));

        var running = Event("instance.running", """{"gpu":"A100","after_seconds":75.5}""");
        Assert.Equal("Roda em A100 depois de 1 min 15 s.", EventTexts.Of(Portuguese, running));

        var lost = Event("standby.gpu_lost", """{"reason":"gpu_failure"}""");
        Assert.Equal("The standby takes over; reason: the GPU was lost.", EventTexts.Of(English, lost));
        Assert.Equal("A reserva assume; motivo: a GPU foi perdida.", EventTexts.Of(Portuguese, lost));
        var stale = Event("standby.gpu_lost", """{"reason":"gpu_failure","behind_seconds":7500.2}""");
        Assert.Equal("The standby takes over; reason: the GPU was lost. Its data is 2 h 5 min behind.", EventTexts.Of(English, stale));
    }

    [Fact]
    public void Event_FactThatLooksLikeAGap_StaysAsItIs() =>
        Assert.Equal("Has failed: {offer} {0}", EventTexts.Of(English, Event("instance.error", """{"reason":"{offer} {0}","offer":"1"}""")));

    [Fact]
    public void Event_OfAnEarlierServer_IsToldAsItWasWritten() =>
        Assert.Equal("Runs on A100 after 3.0 s.", EventTexts.Of(Portuguese, Event("instance.running", "{}") with { Message = "Runs on A100 after 3.0 s." }));

    [Fact]
    public void Event_WithoutAText_IsItsType() => Assert.Equal("planet.landed", EventTexts.Of(Portuguese, Event("planet.landed", """{"at":1}""")));

    private static IEnumerable<MethodInfo> Makers() => typeof(NewEvent).Assembly.GetTypes()
        .Where(type => type is { IsAbstract: true, IsSealed: true } && type.Name.EndsWith("Events", StringComparison.Ordinal))
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => method.ReturnType == typeof(NewEvent));

    // Every value of each enum; then the first once more with all that may be null left out.
    private static IEnumerable<NewEvent> Samples(MethodInfo maker)
    {
        var parameters = maker.GetParameters();
        var enums = parameters.FirstOrDefault(parameter => parameter.ParameterType.IsEnum);
        foreach (var word in enums is null ? [null] : Enum.GetValues(enums.ParameterType).Cast<object?>())
        {
            yield return (NewEvent)maker.Invoke(null, [.. parameters.Select(parameter => parameter == enums ? word : Sample(parameter))])!;
            yield return (NewEvent)maker.Invoke(
                null, [.. parameters.Select(parameter => parameter == enums ? word : MayBeNull(parameter) ? null : Sample(parameter))])!;
        }
    }

    private static object Sample(ParameterInfo parameter) => (Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType) switch
    {
        var type when type == typeof(string) => $"some {parameter.Name}",
        var type when type == typeof(TimeSpan) => TimeSpan.FromSeconds(4.5),
        var type => Convert.ChangeType(3, type, System.Globalization.CultureInfo.InvariantCulture),
    };

    private static bool MayBeNull(ParameterInfo parameter) => new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.Nullable;

    private static RecordedEvent Recorded(NewEvent happened) => Event(happened.Type, Columns.Document(happened.Facts ?? new object()));

    private static RecordedEvent Event(string type, string facts) => new(1, DateTimeOffset.UnixEpoch, new InstanceId(5), type, "", facts);

    private static string ServerFolder([CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../../../src/Dumont.Server"));

    [GeneratedRegex(@"\{([a-z_]+)(?::[a-z_.]+)?\}")]
    private static partial Regex Gap();
}
