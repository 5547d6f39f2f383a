using System.Net;
using System.Net.Http.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;
using Dumont.Server.Tests.Platform.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Dumont.Server.Tests.Platform.Web;

public sealed class IdempotencyTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _runs;

    public static TheoryData<Backend> Databases => Backends.All;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_SameKeyTwice_RunsOnceAndAnswersTheSame()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var first = await SendAsync(ana, "k1", new { a = 1 });
        using var second = await SendAsync(ana, "k1", new { a = 1 });

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.StatusCode, second.StatusCode));
        Assert.Equal(await TextOf(first), await TextOf(second));
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        Assert.True(second.Headers.Contains("Idempotent-Replayed"));
        Assert.Equal(1, _runs);
    }

    [Fact]
    public async Task Post_NoKeyOrAnotherUser_RunsEachTime()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var bob = await server.LoggedInAsync("bob@example.com");
        foreach (var (client, key) in ((HttpClient, string?)[])[(ana, null), (ana, null), (ana, "k"), (bob, "k")])
        {
            using var answer = await SendAsync(client, key, new { a = 1 });
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        Assert.Equal(4, _runs);
    }

    [Fact]
    public async Task Post_SameKeyOtherBody_Answers422()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var first = await SendAsync(ana, "k1", new { a = 1 });
        using var second = await SendAsync(ana, "k1", new { a = 2 });

        Assert.Equal(HttpStatusCode.UnprocessableEntity, second.StatusCode);
        Assert.Contains("idempotency-mismatch", await TextOf(second), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_StillRunning_Answers409WithRetryAfter()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var running = SendAsync(ana, "k1", new { wait = true });
        await _entered.Task;
        using var second = await SendAsync(ana, "k1", new { wait = true });
        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
        Assert.NotNull(second.Headers.RetryAfter);

        _gate.SetResult();
        using var first = await running;
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal(1, _runs);
    }

    [Fact]
    public async Task Post_FiftyAtOnce_RunsOnce()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => SendAsync(ana, "k1", new { a = 1 })));

        Assert.Equal(1, _runs);
        Assert.All(answers, answer => Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.Created, HttpStatusCode.Conflict]));
    }

    [Fact]
    public async Task Post_Failed_IsNotKept()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var first = await SendAsync(ana, "k1", new { fail = true });
        using var second = await SendAsync(ana, "k1", new { fail = true });

        Assert.Equal((HttpStatusCode.InternalServerError, HttpStatusCode.InternalServerError), (first.StatusCode, second.StatusCode));
        Assert.Equal(2, _runs);
    }

    [Fact]
    public async Task Post_AfterADay_RunsAgain()
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var first = await SendAsync(ana, "k1", new { a = 1 });
        _time.Advance(TimeSpan.FromHours(24));
        using var again = await server.LoggedInAgainAsync();
        using var second = await SendAsync(again, "k1", new { a = 1 });

        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.Equal(2, _runs);
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    public async Task Post_BadKey_Answers422(string key)
    {
        await using var server = await StartAsync();
        using var ana = await server.LoggedInAsync();
        using var answer = await SendAsync(ana, key, new { a = 1 });
        using var long_ = await SendAsync(ana, new string('k', 256), new { a = 1 });

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, long_.StatusCode);
        Assert.Equal(0, _runs);
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Store_ServerDied_KeepsWhatTheTransactionRecorded(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new IdempotencyStore(test.Database, _time);
        var request = new IdempotentRequest(new UserId(1), "k");
        var answer = new IdempotentAnswer(201, "application/json", "/x/1", "{}");
        Assert.IsType<IdempotencyState.Begun>(await store.BeginAsync(request, "h", Cancelled));
        Assert.IsType<IdempotencyState.InProgress>(await store.BeginAsync(request, "h", Cancelled));
        await test.Database.WriteAsync(transaction => request.RecordAsync(transaction, answer), Cancelled);

        _time.Advance(TimeSpan.FromMinutes(10));
        var done = Assert.IsType<IdempotencyState.Done>(await store.BeginAsync(request, "h", Cancelled));
        Assert.Equal(answer, done.Answer);
        Assert.IsType<IdempotencyState.Mismatch>(await store.BeginAsync(request, "other", Cancelled));
        await store.ReleaseAsync(request, Cancelled);
        Assert.IsType<IdempotencyState.Done>(await store.BeginAsync(request, "h", Cancelled));

        _time.Advance(TimeSpan.FromHours(24));
        await store.PruneAsync(Cancelled);
        Assert.IsType<IdempotencyState.Begun>(await store.BeginAsync(request, "other", Cancelled));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public async Task Store_AbandonedWithoutAnAnswer_IsTakenOver(Backend backend)
    {
        await using var test = await Backends.OpenAsync(backend);
        var store = new IdempotencyStore(test.Database, _time);
        var request = new IdempotentRequest(new UserId(1), "k");
        await store.BeginAsync(request, "h", Cancelled);
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.IsType<IdempotencyState.Begun>(await store.BeginAsync(request, "h", Cancelled));
    }

    private static Task<string> TextOf(HttpResponseMessage response) => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string? key, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/test/create") { Content = JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private Task<TestServer> StartAsync() =>
        TestServer.StartAsync(
            builder => builder.Services.AddSingleton<TimeProvider>(_time),
            null,
            app => app.MapPost("/test/create", CreateAsync).WithIdempotency());

    private async Task<IResult> CreateAsync(Dictionary<string, object> body)
    {
        var run = Interlocked.Increment(ref _runs);
        if (body.ContainsKey("fail"))
        {
            throw new InvalidOperationException("broken");
        }

        if (body.ContainsKey("wait"))
        {
            _entered.SetResult();
            await _gate.Task;
        }

        return Results.Created($"/test/{run}", new { run, name = "é" });
    }
}
