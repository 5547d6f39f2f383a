using System.Data.Common;
using System.Net;
using Dumont.Server.Platform.Store;
using Microsoft.Extensions.DependencyInjection;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.Health;

public sealed class HealthTests
{
    [Theory]
    [InlineData("/health")]
    [InlineData("/health/")]
    [InlineData("/api/health")]
    [InlineData("/api/v1/health")]
    public async Task Health_AllWell_SaysSo(string path)
    {
        await using var server = await StartAsync();
        var (status, body) = await GetAsync(server.Client, path);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("healthy", body!["status"]!.GetValue<string>());
        Assert.Equal("dumont-cloud", body["service"]!.GetValue<string>());
        Assert.False(string.IsNullOrEmpty(body["version"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Root_Get_TellsWhereToGo()
    {
        await using var server = await StartAsync();
        var (status, body) = await GetAsync(server.Client, "/");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(("/docs", "/health"), (body!["docs"]!.GetValue<string>(), body["health"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Health_DatabaseGone_IsDegradedWith503AndRecovers()
    {
        var time = new ManualTimeProvider();
        var database = new BreakableDatabase();
        await using var server = await StartAsync(
            builder => builder.Services.AddSingleton<Database>(database).AddSingleton<TimeProvider>(time), null);
        database.IsBroken = true;
        time.Advance(TimeSpan.FromSeconds(1));
        var (status, body) = await GetAsync(server.Client, "/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("degraded", body!["status"]!.GetValue<string>());
        Assert.False(string.IsNullOrEmpty(body["reason"]!.GetValue<string>()));

        var (refused, problem) = await PostAsync(server.Client, "/api/v1/auth/login", new { username = "a", password = "b" });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused);
        Assert.Equal("unavailable", problem!["code"]!.GetValue<string>());

        database.IsBroken = false;
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(server.Client, "/health")).Status);
    }

    private sealed class BreakableDatabase : Database
    {
        private readonly SqliteDatabase _inner = SqliteDatabase.InMemory("t" + Guid.NewGuid().ToString("N"));

        public bool IsBroken { get; set; }

        public override string IdentityColumn => _inner.IdentityColumn;

        public override string SkipLocked => _inner.SkipLocked;

        public override Task<DbConnection> OpenAsync(CancellationToken cancellationToken) =>
            IsBroken ? throw new BrokenException() : _inner.OpenAsync(cancellationToken);

        public override Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellationToken) =>
            IsBroken ? throw new BrokenException() : _inner.WriteAsync(work, cancellationToken);

        public override bool IsUniqueViolation(DbException exception) => _inner.IsUniqueViolation(exception);

        public override ValueTask DisposeAsync() => _inner.DisposeAsync();
    }

    private sealed class BrokenException : DbException
    {
        public override bool IsTransient => true;
    }
}
