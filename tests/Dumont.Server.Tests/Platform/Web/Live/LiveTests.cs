using System.Net;
using System.Text;
using Dumont.Contracts;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Platform.Web.Live;

public sealed class LiveTests
{
    private static readonly LiveKey Key = new("test", new UserId(1), "", "en");

    [Fact]
    public async Task Stream_ChangeOfAnInstance_ReachesThePageThatShowsItAndNoOther()
    {
        await using var spine = await SpineServer.StartAsync();
        using var ana = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        using var eve = await WebUser.SignedUpAsync(spine.Server.BaseAddress, "eve@example.com");
        await using var hers = await LiveStream.OpenAsync(eve, await StreamOfAsync(eve, "/"));
        await using var mine = await LiveStream.OpenAsync(ana, await StreamOfAsync(ana, "/"));

        var id = await spine.RunningAsync();
        await mine.ReadUntilAsync(text => text.Contains($"/instances/{id}\"", StringComparison.Ordinal) && text.Contains("instance.running", StringComparison.Ordinal));
        var foreign = await LiveStream.OpenAsync(eve, $"/live?view=instance&of={id}");
        await foreign.ReadUntilAsync(text => text.Contains("data-reload", StringComparison.Ordinal));
        await foreign.DisposeAsync();
        Assert.DoesNotContain("instance-", foreign.Text.Replace("instances", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain($"/instances/{id}\"", hers.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_SessionEnded_TellsThePageToLoadAgainAndCloses()
    {
        await using var spine = await SpineServer.StartAsync();
        using var ana = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        await using var stream = await LiveStream.OpenAsync(ana, await StreamOfAsync(ana, "/"));
        await ana.SendAsync(await ana.GetAsync("/settings"), "form[action='/sign-out']");

        await stream.ReadUntilAsync(text => text.Contains("data-reload", StringComparison.Ordinal));
        await stream.ReadToEndAsync();
        Assert.Equal(HttpStatusCode.SeeOther, (await ana.GetAsync("/live?view=home")).Status);
    }

    [Fact]
    public async Task Stream_UnknownView_Is404()
    {
        await using var spine = await SpineServer.StartAsync();
        using var ana = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        Assert.Equal(HttpStatusCode.NotFound, (await ana.GetAsync("/live?view=nothing")).Status);
    }

    [Fact]
    public async Task Group_FirstSight_IsEverythingAndThenOnlyWhatChanged()
    {
        var view = new ScriptedView { Fragments = { ["a"] = "<p id=a>1</p>", ["b"] = "<p id=b>1</p>" } };
        var group = new LiveGroup(Key, view, new ManualTimeProvider());
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal("<p id=a>1</p><p id=b>1</p>", group.ChangesSince(0)!.Value.Html);
        Assert.Null(group.ChangesSince(group.Version));

        var seen = group.Version;
        view.Fragments["b"] = "<p id=b>2</p>";
        await group.RenderAsync(CancellationToken.None);
        view.Fragments["b"] = "<p id=b>3</p>";
        await group.RenderAsync(CancellationToken.None);
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal(("<p id=b>3</p>", seen + 2, false), group.ChangesSince(seen));
    }

    [Fact]
    public async Task Group_List_SendsRowsAloneUntilTheyAreOthers()
    {
        var view = new ScriptedView { Rows = { ["r1"] = "<tr id=r1>1", ["r2"] = "<tr id=r2>1" } };
        var group = new LiveGroup(Key, view, new ManualTimeProvider());
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal("<template data-list=\"rows\"><tr id=r1>1<tr id=r2>1</template>", group.ChangesSince(0)!.Value.Html);

        var seen = group.Version;
        view.Rows["r2"] = "<tr id=r2>2";
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal("<tr id=r2>2", group.ChangesSince(seen)!.Value.Html);

        view.Rows.Remove("r1");
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal("<template data-list=\"rows\"><tr id=r2>2</template>", group.ChangesSince(seen)!.Value.Html);
    }

    [Fact]
    public async Task Group_ThingIsGone_SaysSoOnce()
    {
        var view = new ScriptedView { Fragments = { ["a"] = "1" } };
        var group = new LiveGroup(Key, view, new ManualTimeProvider());
        await group.RenderAsync(CancellationToken.None);
        var seen = group.Version;
        view.IsGone = true;
        await group.RenderAsync(CancellationToken.None);
        await group.RenderAsync(CancellationToken.None);
        Assert.Equal(("", seen + 1, true), group.ChangesSince(seen));
    }

    [Fact]
    public async Task Group_ManyReasonsToLook_RestsBetweenTwoRenderings()
    {
        var time = new ManualTimeProvider();
        var group = new LiveGroup(Key, new ScriptedView(), time);
        using var client = group.Join(0);
        await group.RenderAsync(CancellationToken.None);
        group.Mark();
        Assert.False(group.IsDue(time.GetUtcNow()));
        time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.True(group.IsDue(time.GetUtcNow()));
    }

    [Fact]
    public async Task Client_ManyCalls_HoldsOne()
    {
        var group = new LiveGroup(Key, new ScriptedView(), new ManualTimeProvider());
        using var client = group.Join(0);
        for (var i = 0; i < 1000; i++)
        {
            client.Wake();
        }

        Assert.True(await client.WaitAsync(CancellationToken.None));
        var second = client.WaitAsync(CancellationToken.None).AsTask();
        Assert.False(second.IsCompleted);
    }

    private static async Task<string> StreamOfAsync(WebUser user, string path) => (await user.GetAsync(path)).One("#live").GetAttribute("sse-connect")!;

    private sealed class ScriptedView : ILiveView
    {
        public SortedDictionary<string, string> Fragments { get; } = [];

        public SortedDictionary<string, string> Rows { get; } = [];

        public bool IsGone { get; set; }

        public string Name => "test";

        public TimeSpan Interval => TimeSpan.FromMinutes(1);

        public Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken) =>
            Task.FromResult(IsGone ? null : new LiveContent(
                [.. Fragments.Select(pair => new LiveFragment(pair.Key, pair.Value))],
                Rows.Count == 0 ? null : new LiveList("rows", [.. Rows.Select(pair => new LiveFragment(pair.Key, pair.Value))]),
                new HashSet<InstanceId>()));
    }

    /// <summary>An open stream and all that has come over it.</summary>
    private sealed class LiveStream(HttpResponseMessage response, Stream body) : IAsyncDisposable
    {
        private readonly StringBuilder _text = new();
        private readonly byte[] _buffer = new byte[64 * 1024];

        public string Text => _text.ToString();

        public static async Task<LiveStream> OpenAsync(WebUser user, string path)
        {
            var response = await user.Client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Line.Deadline());
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
            return new LiveStream(response, await response.Content.ReadAsStreamAsync(Line.Deadline()));
        }

        public async Task ReadUntilAsync(Func<string, bool> isEnough)
        {
            while (!isEnough(Text))
            {
                Assert.True(await ReadAsync(), $"The stream ended: {Text}");
            }
        }

        public async Task ReadToEndAsync()
        {
            while (await ReadAsync())
            {
                // Until it is closed.
            }
        }

        public async ValueTask DisposeAsync()
        {
            await body.DisposeAsync();
            response.Dispose();
        }

        private async Task<bool> ReadAsync()
        {
            var count = await body.ReadAsync(_buffer, Line.Deadline());
            _text.Append(Encoding.UTF8.GetString(_buffer, 0, count));
            return count > 0;
        }
    }
}
