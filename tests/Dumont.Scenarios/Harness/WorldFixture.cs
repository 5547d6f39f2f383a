namespace Dumont.Scenarios.Harness;

/// <summary>A world that the tests of one class share.</summary>
public abstract class WorldFixture : IAsyncLifetime
{
    private TestWorld? _world;

    private protected virtual IReadOnlyDictionary<string, string> ServerSettings { get; } = new Dictionary<string, string>();

    /// <summary>The world; skips the test where none can be.</summary>
    internal TestWorld World
    {
        get
        {
            Assert.SkipWhen(Ssh.Missing is not null, Ssh.Missing ?? "");
            return _world!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (Ssh.Missing is null)
        {
            _world = await TestWorld.StartAsync(CancellationToken.None, ServerSettings);
        }
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_world is not null)
        {
            try
            {
                await EndAsync();
            }
            finally
            {
                await _world.DisposeAsync();
            }
        }
    }

    /// <summary>What comes before the world ends, where tests leave something in it.</summary>
    private protected virtual Task EndAsync() => Task.CompletedTask;
}

/// <summary>Tests in a shared world; each leaves it without instances, whatever became of the test.</summary>
public abstract class WorldTests(WorldFixture fixture) : IAsyncDisposable
{
    internal TestWorld World => fixture.World;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Ssh.Missing is null)
        {
            await fixture.World.ClearAsync(CancellationToken.None);
        }
    }
}
